// Workspace: the device memory of a forward pass that is neither weights nor KV cache.
#pragma once

#include <cstdint>

#include "tessera/core/quantity.hpp"
#include "tessera/model/model.hpp"

namespace tessera {

// The peak of one step's activations, logits and sampler. Live sets of the two phases do not
// overlap, so it is the maximum over attention, MLP and sampling, plus what is held throughout
// (the residual stream, cuBLAS's workspace).
//   tokens       new tokens of the step
//   sequences    sequences that sample in it
[[nodiscard]] Bytes workspace_bytes(const ModelSpec& model, const PrecisionSpec& precision,
                                    Tokens tokens, std::int64_t sequences);

}  // namespace tessera
