// The node: one clock, the source of requests, and the engines that serve them.
#include "tessera/engine/simulate.hpp"

#include <algorithm>
#include <deque>

#include "sim/engine/engine.hpp"
#include "sim/engine/serving_engine.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

class Node {
 public:
  Node(const Scenario& scenario, RequestSource& source, Recorder& recorder)
      : scenario_(scenario), source_(source), recorder_(recorder) {
    const auto plan = plan_memory(scenario);
    TESSERA_INVARIANT(std::holds_alternative<MemoryPlan>(plan),
                      "a scenario that is simulated fits its device");
    announce(std::get<MemoryPlan>(plan));
    engine_ = make_engine(EngineId{0}, scenario, std::get<MemoryPlan>(plan), recorder);
  }

  // At every boundary: what has ended leaves, what has arrived is seen, the next step is decided.
  void run() {
    SimTime now;
    while (true) {
      if (engine_->busy() && engine_->busy_until() == now) {
        engine_->end_step(now, [&](const Request& request) { source_.on_end(request, now); });
      }
      deliver_arrivals(now);
      engine_->schedule(now, source_.next_arrival());
      const SimTime next = engine_->busy() ? engine_->busy_until() : source_.next_arrival();
      if (next == SimTime::max()) {
        break;
      }
      TESSERA_INVARIANT(next >= now, "time does not run backwards");
      now = next;
    }
    recorder_.on_end(
        {.time = now, .source = source_.counts(), .iterations = engine_->iterations()});
  }

 private:
  void deliver_arrivals(SimTime now) {
    while (source_.next_arrival() <= now) {
      const Request request = source_.pop();
      if (!engine_->submit(request, now)) {
        source_.on_end(request, now);
      }
    }
  }

  void announce(const MemoryPlan& plan) {
    const auto kv = make_kv_cache(scenario_, plan);
    const Tokens longest = scenario_.max_model_len();
    recorder_.on_start(
        {.engines = 1,
         .plan = plan,
         .kv_bytes_per_token = kv_bytes_per_token(scenario_.model, scenario_.precision.kv_cache),
         .kv_capacity = kv->capacity(),
         .kv_blocks = kv->free_blocks(),
         .max_model_len = longest,
         .longest_requests_that_fit = kv->sequences_that_fit(longest - Tokens{1}, Tokens{1})});
  }

  const Scenario& scenario_;
  RequestSource& source_;
  Recorder& recorder_;
  std::unique_ptr<ServingEngine> engine_;
};

}  // namespace

std::variant<MemoryPlan, DoesNotFit> plan_memory(const Scenario& scenario) {
  return plan_memory(PlanRequest{.gpu = scenario.hardware.gpu,
                                 .model = scenario.model,
                                 .precision = scenario.precision,
                                 .memory = scenario.engine.memory,
                                 .kv_cache = scenario.engine.kv_cache,
                                 .profile_tokens = profile_tokens(scenario),
                                 .profile_sequences = profile_sequences(scenario)});
}

void simulate(const Scenario& scenario, RequestSource& source, Recorder& recorder) {
  Node(scenario, source, recorder).run();
}

void simulate(const Scenario& scenario, Recorder& recorder, Diagnostics& notes) {
  const auto source =
      make_request_source(scenario.workload, scenario.seed, scenario.directory, notes);
  simulate(scenario, *source, recorder);
}

}  // namespace tessera
