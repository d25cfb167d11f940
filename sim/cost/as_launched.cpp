// Engines that compile or hand-write their kernels fuse an operation into one; PyTorch modules run
// a kernel for each of its steps, and each reads and writes the whole activation.
#include "sim/cost/as_launched.hpp"

namespace tessera {
namespace {

// One kernel everywhere.
constexpr KernelSplit whole{};

const KernelSplit& split_of(Operation operation, const ModelSpec& model,
                            const KernelSplits& splits) {
  switch (operation) {
    case Operation::norm:
      return model.norm == NormKind::layer_norm ? splits.layer_norm : splits.rms_norm;
    case Operation::rope:
      return splits.rope;
    case Operation::mlp_act:
      if (model.mlp == MlpKind::gated) {
        return splits.gated_activation;
      }
      return model.activation == ActivationKind::gelu_tanh ? splits.gelu_tanh : whole;
    default:
      return whole;
  }
}

// Matrices that one product of the merged form stands for.
std::int64_t products(Operation operation, const ModelSpec& model) {
  if (operation == Operation::qkv_proj) {
    return model.fused_qkv ? 1 : 3;
  }
  return operation == Operation::mlp_up && model.mlp == MlpKind::gated ? 2 : 1;
}

// Whether a layer's activations are integers, half as wide as those of half precision.
bool keeps_integers(const PrecisionSpec& precision, const EngineOverheads& overheads) {
  const bool integer =
      precision.compute == ComputeFormat::int8 || precision.compute == ComputeFormat::int4;
  return integer && overheads.activations == Activations::integer;
}

bool is_of_a_layer(Operation operation) {
  switch (operation) {
    case Operation::norm:
    case Operation::qkv_proj:
    case Operation::rope:
    case Operation::out_proj:
    case Operation::residual:
    case Operation::mlp_up:
    case Operation::mlp_act:
    case Operation::mlp_down:
      return true;
    default:
      return false;
  }
}

}  // namespace

OperationWork as_launched(Operation operation, const OperationWork& work, const ModelSpec& model,
                          const PrecisionSpec& precision, const EngineOverheads& overheads) {
  OperationWork result = work;
  if (overheads.projections == Projections::separate) {
    result.kernels *= products(operation, model);
  }
  if (operation == Operation::sampler && overheads.sampling == Sampling::greedy &&
      work.kernels > 0) {
    // Of all that softmax moves, the logits once.
    const double number = static_cast<double>(activation_bytes(precision.compute).count());
    constexpr double single = 4.0;
    result.activation_bytes *= number / (number + 4.0 * single);
    result.kernels = 1;
  }
  const KernelSplit& split = split_of(operation, model, overheads.splits);
  result.kernels *= split.kernels;
  result.activation_bytes *= split.traffic;
  if (is_of_a_layer(operation) && keeps_integers(precision, overheads)) {
    result.activation_bytes *= 0.5;
  }
  return result;
}

AttentionWork as_launched(const AttentionWork& work, const PrecisionSpec& precision,
                          const EngineOverheads& overheads) {
  AttentionWork result = work;
  if (keeps_integers(precision, overheads)) {
    result.bytes_per_new_token *= 0.5;
  }
  return result;
}

bool is_split(Operation operation, const ModelSpec& model, const EngineOverheads& overheads) {
  return split_of(operation, model, overheads.splits).kernels > 1;
}

}  // namespace tessera
