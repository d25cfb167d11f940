// Which engine a scenario gets.
#include "sim/engine/engine.hpp"
#include "sim/engine/serving_engine.hpp"
#include "sim/engine/span_engine.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/engine/simulate.hpp"

namespace tessera {
namespace {

// A span runs to the next arrival at the node, so that a router finds every engine in the step that
// it would be in. That is soon enough where requests come whatever has ended. What happens at one
// moment is told step after step, engine after engine: an order that spans keep where steps take
// time.
std::string why_not_apart(const Scenario& scenario) {
  const ParallelSpec& parallel = scenario.engine.parallel;
  if (parallel.degrees().devices() > 1) {
    return "spans are for engines on one GPU";
  }
  if (parallel.replicas == 1) {
    return {};
  }
  if (scenario.workload.conversations ||
      std::holds_alternative<ClosedLoopArrivals>(scenario.workload.arrivals)) {
    return "users who wait for answers tie the engines together";
  }
  if (make_cost_model(scenario)->step(StepShape{}).total() == Duration{}) {
    return "a step may take no time";
  }
  return {};
}

// An engine that decides step by step jumps over steps that repeat, where it can tell how they go
// on.
std::string why_no_jumps(const Scenario& scenario, const MemoryPlan& plan) {
  if (traits_of(scenario.engine.policy).batches_in_flight > 1) {
    return "steps are scheduled before those in front of them have ended";
  }
  if (!make_kv_cache(scenario, plan)->has_outlook()) {
    return "this KV cache changes with every step";
  }
  if (!make_cost_model(scenario)->per_context_token()) {
    return "this cost model has no constant price for a token of context";
  }
  return {};
}

// The span engine names no sequences; jumps do.
bool in_spans(const Scenario& scenario, const SourceTraits& source, const Recorder& recorder,
              const MemoryPlan& plan) {
  return !source.gives_up && !source.several_sequences && !recorder.names_sequences() &&
         why_not_in_spans(scenario, plan).empty();
}

MemoryPlan lead_plan(const Scenario& scenario) {
  const auto plan = plan_memory(scenario);
  TESSERA_INVARIANT(std::holds_alternative<MemoryPlan>(plan),
                    "a scenario that is simulated fits its device");
  return std::get<MemoryPlan>(plan);
}

}  // namespace

std::string why_step_by_step(const Scenario& scenario, const SourceTraits& source,
                             const Recorder& recorder) {
  if (scenario.engine.advance == Advance::step) {
    return "engine.advance is step";
  }
  if (!recorder.takes_spans()) {
    return "what is recorded needs every step by itself";
  }
  if (std::string why = why_not_apart(scenario); !why.empty()) {
    return why;
  }
  const MemoryPlan plan = lead_plan(scenario);
  return in_spans(scenario, source, recorder, plan) ? std::string() : why_no_jumps(scenario, plan);
}

std::unique_ptr<ServingEngine> make_engine(EngineId id, const Scenario& scenario,
                                           const EnginePlan& plan, const SourceTraits& source,
                                           Recorder& recorder) {
  const bool one_by_one = !why_step_by_step(scenario, source, recorder).empty();
  if (!one_by_one && in_spans(scenario, source, recorder, plan.lead_plan())) {
    return make_span_engine(id, scenario, plan.lead_plan(), recorder);
  }
  return std::make_unique<Engine>(id, scenario, plan, recorder,
                                  one_by_one ? Advance::step : Advance::span);
}

}  // namespace tessera
