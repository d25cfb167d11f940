// What a model's fields cannot mean together.
#include <algorithm>

#include "tessera/model/model.hpp"

namespace tessera {
namespace {

// With fewer parameters than this, every byte count of the weights or of one token's KV cache fits
// in 64 bits with room to spare.
constexpr double most_parameters = 9.0e15;

// The order of magnitude, the textbook's too, in floating point, which does not overflow.
double estimate(const ModelSpec& model) {
  const auto real = [](std::int64_t n) { return static_cast<double>(n); };
  const double h = real(model.hidden);
  const double head = model.head_size > 0 ? real(model.head_size) : h / real(model.heads);
  const double attention = 2.0 * h * head * (real(model.heads) + real(model.key_value_heads()));
  const double mlp = 3.0 * h * real(model.mlp_width());
  const double width = real(model.embedding_size > 0 ? model.embedding_size : model.hidden);
  const double rows = real(model.positions) + real(model.position_offset) + real(model.token_types);
  const double tables = 2.0 * (real(model.vocabulary) + h) * width + h * (h + rows);
  const double exact = real(model.layers) * (attention + mlp + 8.0 * h) + tables;
  const double textbook = real(model.layers) * 12.0 * h * h + real(model.vocabulary) * h;
  return std::max(exact, textbook);
}

std::string quoted(const char* key, std::int64_t value) {
  return std::string{"'"} + key + "' (" + std::to_string(value) + ")";
}

}  // namespace

std::vector<std::string> contradictions(const ModelSpec& model) {
  std::vector<std::string> found;
  if (model.head_size == 0 && model.hidden % model.heads != 0) {
    found.push_back(quoted("heads", model.heads) + " does not divide " +
                    quoted("hidden", model.hidden) + "; give 'head_size' if that is meant");
  }
  if (model.heads % model.key_value_heads() != 0) {
    found.push_back(quoted("kv_heads", model.kv_heads) + " does not divide " +
                    quoted("heads", model.heads));
  }
  if (model.position == PositionKind::learned && model.positions == 0) {
    found.emplace_back("learned positions need 'positions', the rows of their table");
  }
  if (model.rotary_fraction < 1.0 && model.position != PositionKind::rotary) {
    found.emplace_back("'rotary_fraction' means nothing without rotary positions");
  } else if (model.rotary_fraction < 1.0 &&
             (model.rotated_of_head() == 0 || model.rotated_of_head() % 2 != 0)) {
    found.push_back("'rotary_fraction' turns " + std::to_string(model.rotated_of_head()) +
                    " of a head's " + std::to_string(model.size_of_head()) +
                    " numbers; rotary positions turn pairs");
  }
  if (model.pooler && model.head_bias) {
    found.emplace_back("'head_bias' means nothing with 'pooler', which stands in place of a head");
  }
  if (model.pooler && model.kind == ModelKind::decoder) {
    found.emplace_back(
        "'pooler' stands in place of an LM head, without which no decoder generates");
  }
  if (estimate(model) > most_parameters) {
    found.emplace_back("the model has more than 9e15 parameters: one of its sizes is mistaken");
  }
  return found;
}

}  // namespace tessera
