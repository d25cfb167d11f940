// Which engine a scenario gets.
#include "sim/engine/engine.hpp"
#include "sim/engine/serving_engine.hpp"
#include "sim/engine/span_engine.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/engine/simulate.hpp"

namespace tessera {
namespace {

// A span runs to the next arrival at the node. That is soon enough where requests come whatever has
// ended, and whoever sends them looks at no engine.
std::string why_not_apart(const Scenario& scenario) {
  const ParallelSpec& parallel = scenario.engine.parallel;
  if (parallel.degrees().devices() > 1) {
    return "spans are for engines on one GPU";
  }
  if (parallel.replicas == 1) {
    return {};
  }
  if (parallel.router != Router::round_robin && parallel.router != Router::random) {
    return "the router looks at each engine as of its last step";
  }
  if (std::holds_alternative<ClosedLoopArrivals>(scenario.workload.arrivals)) {
    return "the users of a closed loop tie the engines together";
  }
  if (scenario.workload.conversations) {
    return "turns that follow an answer tie the engines together";
  }
  return {};
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
  if (source.gives_up || source.several_sequences) {
    return "requests may be given up, or have several sequences";
  }
  if (std::string why = why_not_apart(scenario); !why.empty()) {
    return why;
  }
  const auto plan = plan_memory(scenario);
  TESSERA_INVARIANT(std::holds_alternative<MemoryPlan>(plan),
                    "a scenario that is simulated fits its device");
  return why_not_in_spans(scenario, std::get<MemoryPlan>(plan));
}

std::unique_ptr<ServingEngine> make_engine(EngineId id, const Scenario& scenario,
                                           const EnginePlan& plan, const SourceTraits& source,
                                           Recorder& recorder) {
  if (why_step_by_step(scenario, source, recorder).empty()) {
    return make_span_engine(id, scenario, plan.lead_plan(), recorder);
  }
  return std::make_unique<Engine>(id, scenario, plan, recorder);
}

}  // namespace tessera
