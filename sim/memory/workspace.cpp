// A first model of the workspace of a forward pass, from the tensors that a phase of one layer
// holds at once when activations are freed as soon as they are used (fused attention, no attention
// matrix):
//   attention  the residual and its norm or the queries, keys, values, and the attention's output;
//   MLP        the residual, the norm's or the MLP's output, and the hidden layer before and after
//              its activation, with SwiGLU the gate too;
//   sampling   logits in the model's precision and in fp32, probabilities in fp32, and the sort of
//              top-p sampling (fp32 values and int64 indices), as in vLLM's sampler.
// cuBLAS holds 2·4096 KiB + 8·16 KiB for a handle and a stream (PyTorch's CUBLAS_WORKSPACE_CONFIG
// default, ":4096:2:16:8"), always.
#include "tessera/memory/workspace.hpp"

#include <algorithm>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

constexpr Bytes cublas_workspace{8'519'680};

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

}  // namespace

Bytes workspace_bytes(const ModelSpec& model, const PrecisionSpec& precision, Tokens tokens,
                      std::int64_t sequences, const Shard& shard) {
  TESSERA_INVARIANT(tokens >= Tokens{0} && sequences >= 0, "a step's shape is not negative");
  const Bytes number = activation_bytes(precision.compute);
  const auto layer_bytes = [&](const ModelSpec& part) {
    return std::max(attention_bytes(part, number, tokens), mlp_bytes(part, number, tokens));
  };
  const bool is_whole = shard.degrees.tensor == 1;
  const Bytes layer = is_whole ? layer_bytes(model) : layer_bytes(model_of_shard(model, shard));
  return cublas_workspace + std::max(layer, logits_bytes(model, number, sequences, shard));
}

}  // namespace tessera
