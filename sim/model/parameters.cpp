// Exact parameters and bytes of a transformer, as the checkpoints of its family store them.
#include <array>

#include "tessera/model/model.hpp"
#include "tessera/model/shard.hpp"

namespace tessera {
namespace {

struct Matrix {
  std::int64_t outputs = 0;
  std::int64_t inputs = 0;
  [[nodiscard]] std::int64_t parameters() const { return outputs * inputs; }
};

// A layer's linear maps. A plain MLP has no gate: a matrix without rows.
struct LayerMatrices {
  std::array<Matrix, 4> attention;  // Q, K, V, output
  std::array<Matrix, 3> mlp;        // up, gate, down
};

LayerMatrices matrices_of_layer(const ModelSpec& model) {
  const std::int64_t h = model.hidden;
  const std::int64_t f = model.mlp_width();
  const std::int64_t gate = model.mlp == MlpKind::gated ? f : 0;
  return {{Matrix{model.query_width(), h}, Matrix{model.key_value_width(), h},
           Matrix{model.key_value_width(), h}, Matrix{h, model.query_width()}},
          {Matrix{f, h}, Matrix{gate, h}, Matrix{h, f}}};
}

std::int64_t attention_parameters(const ModelSpec& model) {
  std::int64_t count = 0;
  for (const Matrix& matrix : matrices_of_layer(model).attention) {
    count += matrix.parameters();
  }
  if (model.attention_bias) {
    count += model.query_width() + 2 * model.key_value_width();
  }
  if (model.output_bias) {
    count += model.hidden;
  }
  return count;
}

std::int64_t mlp_parameters(const ModelSpec& model) {
  std::int64_t count = 0;
  for (const Matrix& matrix : matrices_of_layer(model).mlp) {
    count += matrix.parameters() + (model.mlp_bias ? matrix.outputs : 0);
  }
  return count;
}

std::int64_t embedding_width(const ModelSpec& model) {
  return model.embedding_size > 0 ? model.embedding_size : model.hidden;
}

std::int64_t embedding_parameters(const ModelSpec& model) {
  const std::int64_t width = embedding_width(model);
  std::int64_t count = model.vocabulary * width + model.token_types * model.hidden;
  if (width != model.hidden) {
    count += 2 * width * model.hidden;
  }
  if (model.position == PositionKind::learned) {
    count += (model.positions + model.position_offset) * model.hidden;
  }
  return count;
}

std::int64_t norm_parameters(const ModelSpec& model) {
  const std::int64_t norms = model.layers * model.norms_per_layer + (model.embedding_norm ? 1 : 0) +
                             (model.final_norm ? 1 : 0);
  return norms * model.hidden * (model.norm == NormKind::layer_norm ? 2 : 1);
}

std::int64_t head_parameters(const ModelSpec& model) {
  if (model.pooler) {
    return model.hidden * model.hidden + model.hidden;
  }
  const std::int64_t matrix = model.vocabulary * embedding_width(model);
  return (model.tied_embeddings ? 0 : matrix) + (model.head_bias ? model.vocabulary : 0);
}

}  // namespace

ParameterCount count_parameters(const ModelSpec& model) {
  ParameterCount count;
  count.embeddings = embedding_parameters(model);
  count.attention = model.layers * attention_parameters(model);
  count.mlp = model.layers * mlp_parameters(model);
  count.norms = norm_parameters(model);
  count.head = head_parameters(model);
  return count;
}

std::int64_t textbook_parameters(const ModelSpec& model) {
  return model.layers * 12 * model.hidden * model.hidden + model.vocabulary * model.hidden;
}

Bytes weight_bytes(const ModelSpec& model, WeightFormat format) {
  return weight_bytes(model, format, Shard{});
}

Bytes weight_bytes(const ModelSpec& model, WeightFormat format, const Shard& shard) {
  const ModelSpec part = model_of_shard(model, shard);
  const LayerMatrices layer = matrices_of_layer(part);
  Bytes bytes{0};
  std::int64_t linear = 0;
  const auto add = [&](const Matrix& matrix) {
    bytes += part.layers * matrix_bytes(format, matrix.outputs, matrix.inputs);
    linear += part.layers * matrix.parameters();
  };
  for (const Matrix& matrix : layer.attention) {
    add(matrix);
  }
  for (const Matrix& matrix : layer.mlp) {
    add(matrix);
  }
  const ParameterCount count = count_parameters(part);
  std::int64_t rest = count.attention + count.mlp + count.norms - linear;
  // Of the projections around a narrow embedding, the one behind the last layer is the last
  // stage's.
  const std::int64_t width = embedding_width(part);
  const std::int64_t projection = width != part.hidden ? width * part.hidden : 0;
  rest += shard.is_first_stage() ? count.embeddings - projection : 0;
  if (shard.is_last_stage()) {
    rest += projection;
    const bool needs_a_copy = part.tied_embeddings && !part.pooler && !shard.is_first_stage();
    rest += count.head + (needs_a_copy ? part.vocabulary * width : 0);
  }
  return bytes + rest * unquantised_bytes(format);
}

Bytes kv_bytes_per_token(const ModelSpec& model, KvFormat format) {
  return 2 * model.layers * kv_bytes(format, model.key_value_heads(), model.size_of_head());
}

}  // namespace tessera
