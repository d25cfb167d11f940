// One step taken apart: what `tessera explain` prints.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"
#include "tessera/cost/cost_model.hpp"
#include "tessera/cost/step_shape.hpp"

namespace tessera {

enum class Phase { prefill, decode };
template <>
struct EnumNames<Phase> {
  static constexpr std::array<std::string_view, 2> names{"prefill", "decode"};
};

// Whether keys and values of earlier tokens are kept. Without them a step computes every token of
// its sequences again, keeps nothing, and samples from the last position of each. concat: they are
// kept, and every step copies them with those of its new tokens (K = Concat(K, k)).
enum class CacheUse { on, off, concat };
template <>
struct EnumNames<CacheUse> {
  static constexpr std::array<std::string_view, 3> names{"on", "off", "concat"};
};

// `batch` equal sequences. A prefill computes `new_tokens` each after `context` that are cached; a
// decode computes one each, whose query reads `context` tokens, its own among them.
struct StepQuestion {
  Phase phase = Phase::decode;
  std::int64_t batch = 1;
  Tokens context{0};
  Tokens new_tokens{0};
  CacheUse kv_cache = CacheUse::on;
  KvFormat kv_format = KvFormat::fp16;  // of what a concat copies
};

[[nodiscard]] StepShape shape_of(const StepQuestion& question, const ModelSpec& model);

// The operations of a step, and their sum as a last row named "total", whose bound is the one that
// most of the time has.
[[nodiscard]] std::vector<OperationTime> explain(CostModel& cost, const StepShape& shape);

// The same for a question, whose phase its rows carry; nothing is written to a cache that is off.
// `model` is the one that `cost` was made for.
[[nodiscard]] std::vector<OperationTime> explain(CostModel& cost, const StepQuestion& question,
                                                 const ModelSpec& model);

// One layer alone: a cost model made for it prices what explain_layer() keeps, the operations that
// every layer runs.
[[nodiscard]] ModelSpec one_layer(ModelSpec model);
// Precondition: `cost` was made for `layer`, which one_layer() gave.
[[nodiscard]] std::vector<OperationTime> explain_layer(CostModel& cost,
                                                       const StepQuestion& question,
                                                       const ModelSpec& layer);

// FLOPs a byte from which a matrix product in this arithmetic is bound by compute: of the data
// sheet, and of what kernels reach.
struct RidgePoint {
  double sheet = 0.0;
  double reached = 0.0;
};
// Precondition: the card supports the precision.
[[nodiscard]] RidgePoint ridge_point(const GpuSpec& gpu, const PrecisionSpec& precision);

}  // namespace tessera
