#include "sim/engine/pipeline.hpp"

#include <algorithm>

namespace tessera {
namespace {

Bytes in_proportion(Bytes bytes, std::int64_t part, std::int64_t whole) {
  return Bytes{static_cast<std::int64_t>(Int128{bytes.count()} * part / whole)};
}

}  // namespace

Pipeline::Pipeline(EngineId engine, const Scenario& scenario) {
  const ParallelSpec& parallel = scenario.engine.parallel;
  const ShardDegrees degrees = parallel.degrees();
  const std::int64_t first = number_of(engine) * degrees.devices();
  for (std::int64_t stage = 0; stage < degrees.pipeline; ++stage) {
    const RankPlace place =
        place_of_stage(scenario.hardware, degrees, stage, first, parallel.devices());
    stages_.push_back({make_cost_model(scenario.cost, scenario.hardware.gpu, scenario.model,
                                       scenario.precision, place, scenario.engine.overheads),
                       layers_of_stage(scenario.model.layers, degrees.pipeline, stage),
                       {}});
    lead_layers_ = std::max(lead_layers_, stages_.back().layers);
  }
}

Pipeline::Passage Pipeline::pass(const StepShape& shape, SimTime now) {
  Passage passage{std::max(now, stages_.front().free), now, {}};
  SimTime arrival = now;
  for (Stage& stage : stages_) {
    const StepTime time = stage_time(stage, shape);
    stage.free = std::max(arrival, stage.free) + time.total();
    arrival = stage.free;
    passage.time += time;
  }
  passage.end = arrival;
  return passage;
}

Pipeline::Passage Pipeline::pass_nothing(SimTime now) {
  const SimTime end = std::max(now, stages_.back().free);
  return {end, end, {}};
}

StepTime Pipeline::time(const StepShape& shape) {
  StepTime sum;
  for (Stage& stage : stages_) {
    sum += stage_time(stage, shape);
  }
  return sum;
}

std::optional<StepTime> Pipeline::per_context_token() const {
  return stages_.size() == 1 ? stages_.front().cost->per_context_token() : std::nullopt;
}

StepTime Pipeline::stage_time(Stage& stage, const StepShape& shape) const {
  if (stage.layers == lead_layers_) {
    return stage.cost->step(shape);
  }
  StepShape own = shape;
  own.work.copied = in_proportion(shape.work.copied, stage.layers, lead_layers_);
  own.work.swapped_in = in_proportion(shape.work.swapped_in, stage.layers, lead_layers_);
  own.work.swapped_out = in_proportion(shape.work.swapped_out, stage.layers, lead_layers_);
  return stage.cost->step(own);
}

}  // namespace tessera
