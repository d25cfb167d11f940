// One step taken apart: what `tessera explain` prints.
#pragma once

#include <cstdint>
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

// `batch` equal sequences. A prefill computes `new_tokens` each after `context` that are cached; a
// decode computes one each, whose query reads `context` tokens, its own among them.
struct StepQuestion {
  Phase phase = Phase::decode;
  std::int64_t batch = 1;
  Tokens context{0};
  Tokens new_tokens{0};
};

[[nodiscard]] StepShape shape_of(const StepQuestion& question, const ModelSpec& model);

// The operations of a step, and their sum as a last row named "total".
[[nodiscard]] std::vector<OperationTime> explain(CostModel& cost, const StepShape& shape);

// FLOPs a byte from which a matrix product in this arithmetic is bound by compute: of the data
// sheet, and of what kernels reach.
struct RidgePoint {
  double sheet = 0.0;
  double reached = 0.0;
};
// Precondition: the card supports the precision.
[[nodiscard]] RidgePoint ridge_point(const GpuSpec& gpu, const PrecisionSpec& precision);

}  // namespace tessera
