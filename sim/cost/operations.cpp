// FLOPs and bytes of each operation, as pure arithmetic. T new tokens, S sampling sequences, h the
// hidden width, e the embedding's, q = heads·head_size, kv = kv_heads·head_size, f the MLP's width,
// V the vocabulary, a the bytes of an activation, u those of an unquantised parameter.
//
//   operation   FLOPs                       bytes
//   embedding   0 (projections: 2·T·e·h)    T rows of u·e in, T·e·a out; learned positions as well
//   norm        4·T·h, centred 7·T·h        2·T·h·a
//   qkv_proj    2·T·h·(q+2kv)               weights + T·(h+q+2kv)·a
//   rope        3·T·r                       2·T·r·a, r numbers turned of q+kv
//   kv_write    0                           2·T·kv·a in, as much out in the cache's format
//   attention   4·q a query-key pair        keys and values of the context, 2·T·q·a
//   out_proj    2·T·q·h                     weights + T·(q+h)·a
//   residual    T·h, twice                  3·T·h·a, twice
//   mlp_up      2·T·h·f, gated 4·T·h·f      weights + T·(h+f)·a, gated T·(h+2f)·a
//   mlp_act     8·T·f, gated 5·T·f          2·T·f·a, gated 3·T·f·a
//   mlp_down    2·T·f·h                     weights + T·(f+h)·a
//   lm_head     2·S·e·V                     weights + S·(e+V)·a
//   sampler     5·S·V                       logits to single precision, softmax, draw
//
// All but the embedding, the LM head and the sampler are taken once a layer. Adding a bias is fused
// into its product: its bytes count as weights, its additions are not counted.
#include "tessera/core/contract.hpp"
#include "tessera/cost/operation_work.hpp"

namespace tessera {
namespace {

// A model's widths and formats as the numbers that the formulas above use.
struct Sizes {
  double rows;  // T or S
  double hidden;
  double query;
  double key_value;
  double mlp;
  double activation;   // bytes
  double unquantised;  // bytes
  std::int64_t layers;

  Sizes(const ModelSpec& model, const PrecisionSpec& precision, std::int64_t count)
      : rows(static_cast<double>(count)),
        hidden(static_cast<double>(model.hidden)),
        query(static_cast<double>(model.query_width())),
        key_value(static_cast<double>(model.key_value_width())),
        mlp(static_cast<double>(model.mlp_width())),
        activation(static_cast<double>(activation_bytes(precision.compute).count())),
        unquantised(static_cast<double>(unquantised_bytes(precision.weights).count())),
        layers(model.layers) {}
};

struct Matrix {
  std::int64_t outputs;
  std::int64_t inputs;
  bool bias;
};

double matrix_weights(const Matrix& matrix, WeightFormat format, double unquantised) {
  const double bias = matrix.bias ? static_cast<double>(matrix.outputs) * unquantised : 0.0;
  return static_cast<double>(matrix_bytes(format, matrix.outputs, matrix.inputs).count()) + bias;
}

// A matrix product on `size.rows` rows, once a layer.
OperationWork product(const Matrix& matrix, const Sizes& size, WeightFormat format) {
  const double inputs = static_cast<double>(matrix.inputs);
  const double outputs = static_cast<double>(matrix.outputs);
  const double layers = static_cast<double>(size.layers);
  return {layers * 2.0 * size.rows * inputs * outputs,
          layers * matrix_weights(matrix, format, size.unquantised),
          layers * size.rows * (inputs + outputs) * size.activation, size.layers};
}

// An elementwise kernel, `times` times, that computes `flops` and moves `moved` numbers a row.
OperationWork elementwise(const Sizes& size, std::int64_t times, double flops, double moved) {
  const double rows = static_cast<double>(times) * size.rows;
  return {rows * flops, 0.0, rows * moved * size.activation, times};
}

std::int64_t embedding_width(const ModelSpec& model) {
  return model.embedding_size > 0 ? model.embedding_size : model.hidden;
}

// A rank looks up the rows that it has; what it gives is as wide as the whole, with zeros.
OperationWork look_up_work(const ModelSpec& model, const Sizes& size, std::int64_t ranks) {
  const double width = static_cast<double>(embedding_width(model));
  OperationWork work{0.0, size.rows / static_cast<double>(ranks) * width * size.unquantised,
                     size.rows * width * size.activation, 1};
  if (model.position == PositionKind::learned) {
    work.weight_bytes += size.rows * size.hidden * size.unquantised;
    work.activation_bytes += 2.0 * size.rows * size.hidden * size.activation;
    work.kernels += 1;
  }
  return work;
}

OperationWork embedding_work(const ModelSpec& model, const Sizes& size, const Shard& shard) {
  OperationWork work;
  if (shard.is_first_stage()) {
    work = look_up_work(model, size, shard.degrees.tensor);
  }
  if (embedding_width(model) != model.hidden) {
    // A projection in before the first layer, and one out after the last.
    const std::int64_t ends = (shard.is_first_stage() ? 1 : 0) + (shard.is_last_stage() ? 1 : 0);
    const double times = static_cast<double>(ends);
    const double width = static_cast<double>(embedding_width(model));
    work.flops += times * 2.0 * size.rows * width * size.hidden;
    work.weight_bytes += times * width * size.hidden * size.unquantised;
    work.activation_bytes += times * size.rows * (width + size.hidden) * size.activation;
    work.kernels += ends;
  }
  return work;
}

OperationWork norm_work(const ModelSpec& model, const Sizes& size) {
  const std::int64_t norms = model.layers * model.norms_per_layer + (model.final_norm ? 1 : 0) +
                             (model.embedding_norm ? 1 : 0);
  const bool centred = model.norm == NormKind::layer_norm;
  OperationWork work =
      elementwise(size, norms, (centred ? 7.0 : 4.0) * size.hidden, 2.0 * size.hidden);
  work.weight_bytes =
      static_cast<double>(norms) * (centred ? 2.0 : 1.0) * size.hidden * size.unquantised;
  return work;
}

OperationWork rope_work(const ModelSpec& model, const Sizes& size) {
  if (model.position != PositionKind::rotary) {
    return {};
  }
  const std::int64_t heads = model.heads + model.key_value_heads();
  const auto rotated = static_cast<double>(heads * model.rotated_of_head());
  return elementwise(size, size.layers, 3.0 * rotated, 2.0 * rotated);
}

// Keys and values of one token in all layers.
double cache_bytes(const ModelSpec& model, KvFormat format) {
  const Bytes keys = kv_bytes(format, model.key_value_heads(), model.size_of_head());
  return 2.0 * static_cast<double>(model.layers) * static_cast<double>(keys.count());
}

OperationWork kv_write_work(const ModelSpec& model, const Sizes& size, KvFormat format) {
  if (model.kind == ModelKind::encoder) {
    return {};  // one pass, after which nobody reads them
  }
  OperationWork work = elementwise(size, size.layers, 0.0, 2.0 * size.key_value);
  work.activation_bytes += size.rows * cache_bytes(model, format);
  return work;
}

OperationWork activation_work(const ModelSpec& model, const Sizes& size) {
  return model.mlp == MlpKind::gated
             ? elementwise(size, size.layers, 5.0 * size.mlp, 3.0 * size.mlp)
             : elementwise(size, size.layers, 8.0 * size.mlp, 2.0 * size.mlp);
}

OperationWork lm_head_work(const ModelSpec& model, const Sizes& size, WeightFormat layers_format) {
  // The head stays unquantised, whatever the layers are kept in.
  const bool single = layers_format == WeightFormat::fp32;
  const WeightFormat format = single ? WeightFormat::fp32 : WeightFormat::fp16;
  Sizes once = size;
  once.layers = 1;
  if (model.pooler) {
    return product({model.hidden, model.hidden, true}, once, format);
  }
  if (model.kind == ModelKind::encoder) {
    return {};
  }
  return product({model.vocabulary, embedding_width(model), model.head_bias}, once, format);
}

OperationWork sampler_work(const ModelSpec& model, const Sizes& size) {
  if (model.kind == ModelKind::encoder) {
    return {};
  }
  const double logits = size.rows * static_cast<double>(model.vocabulary);
  constexpr double single = 4.0;
  // A conversion reads logits and writes single precision; softmax reads and writes; a draw reads.
  return {5.0 * logits, 0.0, logits * (size.activation + 4.0 * single), 3};
}

}  // namespace

OperationWork token_work(Operation operation, const ModelSpec& whole,
                         const PrecisionSpec& precision, Tokens tokens, const Shard& shard) {
  if (tokens <= Tokens{0}) {
    return {};
  }
  const ModelSpec model = model_of_shard(whole, shard);
  const Sizes size(model, precision, tokens.count());
  const std::int64_t q = model.query_width();
  const std::int64_t qkv = q + 2 * model.key_value_width();
  const std::int64_t f = model.mlp_width();
  const std::int64_t up = model.mlp == MlpKind::gated ? 2 * f : f;
  const WeightFormat format = precision.weights;
  switch (operation) {
    case Operation::embedding:
      return embedding_work(model, size, shard);
    case Operation::norm:
      return norm_work(model, size);
    case Operation::qkv_proj:
      return product({qkv, model.hidden, model.attention_bias}, size, format);
    case Operation::rope:
      return rope_work(model, size);
    case Operation::kv_write:
      return kv_write_work(model, size, precision.kv_cache);
    case Operation::out_proj:
      return product({model.hidden, q, model.output_bias}, size, format);
    case Operation::residual:
      return elementwise(size, 2 * size.layers, size.hidden, 3.0 * size.hidden);
    case Operation::mlp_up:
      return product({up, model.hidden, model.mlp_bias}, size, format);
    case Operation::mlp_act:
      return activation_work(model, size);
    case Operation::mlp_down:
      return product({model.hidden, f, model.mlp_bias}, size, format);
    default:
      TESSERA_INVARIANT(false, "the operation's work follows from the number of tokens");
      return {};
  }
}

OperationWork sampling_work(Operation operation, const ModelSpec& model,
                            const PrecisionSpec& precision, std::int64_t sequences,
                            const Shard& shard) {
  TESSERA_INVARIANT(operation == Operation::lm_head || operation == Operation::sampler,
                    "the operation's work follows from the number of sampling sequences");
  if (sequences <= 0 || !shard.is_last_stage()) {
    return {};
  }
  const Sizes size(model, precision, sequences);
  return operation == Operation::lm_head
             ? lm_head_work(model_of_shard(model, shard), size, precision.weights)
             : sampler_work(model, size);
}

AttentionWork attention_work(const ModelSpec& whole, const PrecisionSpec& precision,
                             const Shard& shard) {
  const ModelSpec model = model_of_shard(whole, shard);
  const Sizes size(model, precision, 0);
  const double layers = static_cast<double>(model.layers);
  return {4.0 * size.query * layers, cache_bytes(model, precision.kv_cache),
          2.0 * size.query * size.activation * layers, model.layers};
}

}  // namespace tessera
