// A first model of the workspace of a forward pass, from the tensors that a phase of one layer
// holds at once when activations are freed as soon as they are used (fused attention, no attention
// matrix):
//   attention  the residual and its norm or the queries, keys, values, and the attention's output;
//   MLP        the residual, the norm's or the MLP's output, and the hidden layer before and after
//              its activation, with SwiGLU the gate too;
//   sampling   logits in the model's precision and in fp32, probabilities in fp32, and the sort of
//              top-p sampling (fp32 values and int64 indices), as in vLLM's sampler.
// A Hugging Face model's own code keeps more: its forms are forward_pass.cpp's.
#include "tessera/memory/workspace.hpp"

#include <algorithm>

#include "tessera/core/contract.hpp"
#include "tessera/memory/forward_pass.hpp"

namespace tessera {
namespace {

Bytes attention_bytes(const ModelSpec& model, Bytes number, Tokens tokens) {
  const std::int64_t width = model.hidden + 2 * model.query_width() + 2 * model.key_value_width();
  return number * (tokens.count() * width);
}

Bytes mlp_bytes(const ModelSpec& model, Bytes number, Tokens tokens) {
  const std::int64_t hidden_layers = model.mlp == MlpKind::gated ? 3 : 2;
  const std::int64_t width = 2 * model.hidden + hidden_layers * model.mlp_width();
  return number * (tokens.count() * width);
}

Bytes sampling_bytes(const ModelSpec& model, Bytes number, std::int64_t sequences) {
  if (model.kind == ModelKind::encoder) {
    return Bytes{0};
  }
  constexpr Bytes fp32_logits{4};
  constexpr Bytes probabilities{4};
  constexpr Bytes sorted{4 + 8};
  return (number + fp32_logits + probabilities + sorted) * (sequences * model.vocabulary);
}

Bytes logits_bytes(const ModelSpec& model, Bytes number, std::int64_t sequences,
                   const Shard& shard) {
  if (!shard.is_last_stage()) {
    return Bytes{0};
  }
  if (shard.rank == 0) {
    return sampling_bytes(model, number, sequences);
  }
  const bool has_logits = model.kind == ModelKind::decoder;
  return has_logits ? number * (sequences * model_of_shard(model, shard).vocabulary) : Bytes{0};
}

Bytes serving_bytes(const ModelSpec& model, const PrecisionSpec& precision, Tokens tokens,
                    std::int64_t sequences, const Shard& shard) {
  const Bytes number = activation_bytes(precision.compute);
  const auto layer_bytes = [&](const ModelSpec& part) {
    return std::max(attention_bytes(part, number, tokens), mlp_bytes(part, number, tokens));
  };
  const bool is_whole = shard.degrees.tensor == 1;
  const Bytes layer = is_whole ? layer_bytes(model) : layer_bytes(model_of_shard(model, shard));
  return std::max(layer, logits_bytes(model, number, sequences, shard));
}

// The pass of a padded batch, its logits, and their copy in single precision (generate()).
Bytes hugging_face_bytes(const ModelSpec& model, const PrecisionSpec& precision, Tokens tokens,
                         std::int64_t sequences, const Shard& shard) {
  if (tokens == Tokens{0}) {
    return Bytes{0};
  }
  const std::int64_t batch = std::max(sequences, std::int64_t{1});
  const Tokens length{divide_up(tokens, Tokens{batch})};
  const ModelSpec part = shard.degrees.tensor == 1 ? model : model_of_shard(model, shard);
  const Bytes pass = forward_workspace(part, precision, batch, length);
  constexpr Bytes single{4};
  const Bytes logits =
      (activation_bytes(precision.compute) + single) * (sequences * model.vocabulary);
  return shard.is_last_stage() ? std::max(pass, logits) : pass;
}

// Whether it is the model's own code that runs.
bool is_model_code(const ModelSpec& model, const StepWorkspace& workspace) {
  return workspace.form == WorkspaceForm::hugging_face && model.kind == ModelKind::decoder;
}

}  // namespace

Bytes workspace_bytes(const ModelSpec& model, const PrecisionSpec& precision, Tokens tokens,
                      std::int64_t sequences, const Shard& shard, const StepWorkspace& workspace) {
  TESSERA_INVARIANT(tokens >= Tokens{0} && sequences >= 0, "a step's shape is not negative");
  const Bytes step = is_model_code(model, workspace)
                         ? hugging_face_bytes(model, precision, tokens, sequences, shard)
                         : serving_bytes(model, precision, tokens, sequences, shard);
  return workspace.cublas + workspace.attention_scratch + step;
}

WorkspaceOfSteps::WorkspaceOfSteps(const ModelSpec& model, const PrecisionSpec& precision,
                                   const Shard& shard, const StepWorkspace& workspace)
    : model_(model),
      precision_(precision),
      shard_(shard),
      workspace_(workspace),
      is_linear_(!is_model_code(model, workspace)),
      held_(workspace_bytes(model, precision, Tokens{0}, 0, shard, workspace)),
      a_token_(workspace_bytes(model, precision, Tokens{1}, 0, shard, workspace) - held_),
      a_sequence_(workspace_bytes(model, precision, Tokens{0}, 1, shard, workspace) - held_) {}

}  // namespace tessera
