// Workspace: the device memory of a forward pass that is neither weights nor KV cache.
#pragma once

#include <cstdint>

#include "tessera/core/quantity.hpp"
#include "tessera/model/model.hpp"
#include "tessera/model/shard.hpp"

namespace tessera {

// The peak of one step's activations, logits and sampler. The phases' live sets do not overlap, so
// it is the maximum over attention, MLP and sampling, each with the residual stream where it needs
// it, plus what is held throughout (cuBLAS's workspace). A step without tokens needs only that.
//   tokens       new tokens of the step
//   sequences    sequences that sample in it
//   shard        the device's part of the model: heads and MLP are divided, the residual stream is
//                not; rank 0 of the last stage gathers the logits and samples, its other ranks
//                have their part of the logits, other stages none
// Precondition: tokens >= 0, sequences >= 0.
[[nodiscard]] Bytes workspace_bytes(const ModelSpec& model, const PrecisionSpec& precision,
                                    Tokens tokens, std::int64_t sequences, const Shard& shard = {});

}  // namespace tessera
