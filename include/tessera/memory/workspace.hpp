// Workspace: the device memory of a forward pass that is neither weights nor KV cache.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"
#include "tessera/model/model.hpp"
#include "tessera/model/shard.hpp"

namespace tessera {

// Whose tensors a step makes.
//   serving       engines with fused kernels (vLLM and its kin): one layer's live set in attention
//                 or in the MLP, or logits and a sampler with softmax and sort
//   hugging_face  transformers' own code with fused attention, tensor by tensor (forward_pass.hpp),
//                 then the logits in single precision, of which the greatest is taken
enum class WorkspaceForm { serving, hugging_face };
template <>
struct EnumNames<WorkspaceForm> {
  static constexpr std::array<std::string_view, 2> names{"serving", "hugging_face"};
};

// How an engine on its GPU comes to its workspace.
struct StepWorkspace {
  WorkspaceForm form = WorkspaceForm::serving;
  Bytes cublas{2 * 4096 * 1024 + 8 * 16 * 1024};  // held throughout
  Bytes attention_scratch{0};                     // held throughout
};

// The peak of one step's activations, logits and sampler, plus what is held throughout. The phases'
// live sets do not overlap, so it is the maximum over them, each with the residual stream where it
// needs it. A step without tokens needs only what is held throughout.
//   tokens       new tokens of the step
//   sequences    sequences that sample in it
//   shard        the device's part of the model: heads and MLP are divided, the residual stream is
//                not; rank 0 of the last stage gathers the logits and samples, its other ranks
//                have their part of the logits, other stages none
// Precondition: tokens >= 0, sequences >= 0.
[[nodiscard]] Bytes workspace_bytes(const ModelSpec& model, const PrecisionSpec& precision,
                                    Tokens tokens, std::int64_t sequences, const Shard& shard = {},
                                    const StepWorkspace& workspace = {});

// The same for the many steps of one device. In the serving form it is what is held throughout, and
// a price a token or a price a sequence, whichever is more: these are worked out once.
class WorkspaceOfSteps {
 public:
  // What it is given outlives it.
  WorkspaceOfSteps(const ModelSpec& model, const PrecisionSpec& precision, const Shard& shard,
                   const StepWorkspace& workspace);

  // workspace_bytes() of such a step. Precondition: tokens >= 0, sequences >= 0.
  [[nodiscard]] Bytes bytes(Tokens tokens, std::int64_t sequences) const {
    return is_linear_ ? held_ + std::max(a_token_ * tokens.count(), a_sequence_ * sequences)
                      : workspace_bytes(model_, precision_, tokens, sequences, shard_, workspace_);
  }

 private:
  const ModelSpec& model_;
  const PrecisionSpec& precision_;
  Shard shard_;
  StepWorkspace workspace_;
  bool is_linear_;
  Bytes held_;
  Bytes a_token_;
  Bytes a_sequence_;
};

}  // namespace tessera
