// The GPUs of an engine as stages that a batch passes one after the other. A stage computes one
// batch at a time and sends it on; one stage is no pipeline. The ranks of a stage keep step.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "tessera/core/time.hpp"
#include "tessera/cost/cost_model.hpp"
#include "tessera/engine/recorder.hpp"
#include "tessera/engine/scenario.hpp"

namespace tessera {

class Pipeline {
 public:
  Pipeline(EngineId engine, const Scenario& scenario);

  struct Passage {
    SimTime start;  // in the first stage
    SimTime end;    // of the last one
    StepTime time;  // of all stages together; waiting for a stage is no part of it
  };
  // The next batch comes at `now`. Batches keep their order.
  Passage pass(const StepShape& shape, SimTime now);
  // A batch that computes nothing and waits only for those before it.
  Passage pass_nothing(SimTime now);
  // What a batch takes, waiting aside.
  [[nodiscard]] StepTime time(const StepShape& shape);

  // What a token of decode_context more adds to any batch's time, where that is a constant.
  [[nodiscard]] std::optional<StepTime> per_context_token() const;
  // The batch that was passed last goes round again, alone, and leaves at `end`. Precondition:
  // there is one stage.
  void pass_until(SimTime end) { stages_.front().free = end; }

  [[nodiscard]] std::int64_t stages() const { return static_cast<std::int64_t>(stages_.size()); }

 private:
  struct Stage {
    std::unique_ptr<CostModel> cost;
    std::int64_t layers = 0;
    SimTime free;  // when its last batch leaves
  };
  [[nodiscard]] StepTime stage_time(Stage& stage, const StepShape& shape) const;

  std::vector<Stage> stages_;
  std::int64_t lead_layers_ = 0;  // the most of a stage: the step's KV work is that of its devices
};

}  // namespace tessera
