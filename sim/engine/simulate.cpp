// The node: one clock, the source of requests, and the engines that serve them.
#include "tessera/engine/simulate.hpp"

#include <algorithm>
#include <deque>
#include <functional>

#include "sim/engine/engine.hpp"
#include "sim/engine/router.hpp"
#include "sim/engine/serving_engine.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

// An engine of the node, and what has been sent to it.
struct Replica {
  std::unique_ptr<ServingEngine> engine;
  std::function<void(const Request&)> on_end;  // made once: it hears of every request
  std::deque<Request> inbox;                   // sent to it since its last boundary
  bool at_boundary = false;                    // at the moment that is worked on
};

class Node {
 public:
  Node(const Scenario& scenario, RequestSource& source, Recorder& recorder)
      : scenario_(scenario),
        source_(source),
        recorder_(recorder),
        router_(make_router(scenario.engine.parallel.router, scenario.seed)),
        views_(static_cast<std::size_t>(scenario.engine.parallel.replicas)) {
    const auto planned = plan_engine(scenario);
    TESSERA_INVARIANT(std::holds_alternative<EnginePlan>(planned),
                      "a scenario that is simulated fits its device");
    const EnginePlan& plan = std::get<EnginePlan>(planned);
    announce(plan);
    for (std::size_t i = 0; i < views_.size(); ++i) {
      Replica& replica = replicas_.emplace_back();
      replica.engine =
          make_engine(static_cast<EngineId>(i), scenario, plan, source.traits(), recorder);
      replica.on_end = [this, i](const Request& request) { hear_of_end(i, request); };
    }
  }

  // At every boundary: what has ended leaves, what has arrived is sent and seen, the next step is
  // decided.
  void run() {
    if (replicas_.size() == 1) {
      now_ = replicas_.front().engine->run(source_);
    } else {
      run_together();
    }
    std::int64_t iterations = 0;
    for (const Replica& replica : replicas_) {
      replica.engine->finish();
      iterations += replica.engine->iterations();
    }
    recorder_.on_end({.time = now_, .source = source_.counts(), .iterations = iterations});
  }

 private:
  // Engines take their turn in the order of their numbers.
  void run_together() {
    while (true) {
      end_steps();
      route_arrivals();
      for (std::size_t i = 0; i < replicas_.size(); ++i) {
        if (replicas_[i].at_boundary) {
          begin_steps(i);
        }
      }
      const SimTime next = next_event();
      if (next == SimTime::max()) {
        break;
      }
      TESSERA_INVARIANT(next >= now_, "time does not run backwards");
      now_ = next;
    }
  }

  // An engine without work is at a boundary at every moment. What was sent to it during its step is
  // seen before what arrives now.
  void end_steps() {
    for (std::size_t i = 0; i < replicas_.size(); ++i) {
      Replica& replica = replicas_[i];
      ServingEngine& engine = *replica.engine;
      const bool is_busy = engine.busy();
      const bool ends = is_busy && engine.busy_until() == now_;
      replica.at_boundary = !is_busy || ends;
      if (ends) {
        engine.end_step(now_, replica.on_end);
        views_[i].kv_reserved = engine.kv_reserved();
      }
      if (replica.at_boundary) {
        deliver(i);
      }
    }
  }

  // Requests are sent when they arrive.
  void route_arrivals() {
    while (source_.next_arrival() <= now_) {
      const Request& request = source_.pop();
      const std::size_t chosen = router_->choose(request, views_);
      ++views_[chosen].outstanding;
      if (replicas_[chosen].at_boundary) {
        submit(chosen, request);
      } else {
        replicas_[chosen].inbox.push_back(request);
      }
    }
  }

  void deliver(std::size_t chosen) {
    std::deque<Request>& inbox = replicas_[chosen].inbox;
    while (!inbox.empty()) {
      const Request request = inbox.front();
      inbox.pop_front();
      submit(chosen, request);
    }
  }

  // A rejection may let a closed loop's user send the next request, now.
  void submit(std::size_t chosen, const Request& request) {
    if (!replicas_[chosen].engine->submit(request, now_)) {
      hear_of_end(chosen, request);
    }
  }

  void hear_of_end(std::size_t i, const Request& request) {
    --views_[i].outstanding;
    source_.on_end(request, now_);
  }

  void begin_steps(std::size_t i) {
    replicas_[i].engine->schedule(now_, source_.next_arrival());
    views_[i].kv_reserved = replicas_[i].engine->kv_reserved();
  }

  [[nodiscard]] SimTime next_event() const {
    SimTime next = source_.next_arrival();
    for (const Replica& replica : replicas_) {
      if (replica.engine->busy()) {
        next = std::min(next, replica.engine->busy_until());
      }
    }
    return next;
  }

  void announce(const EnginePlan& plan) {
    const auto kv = make_kv_cache(scenario_, plan.lead_plan());
    const Tokens longest = scenario_.max_model_len();
    Bytes per_token{0};
    for (std::int64_t device = 0; device < plan.degrees.devices(); ++device) {
      per_token += kv_bytes_per_token(scenario_.model, scenario_.precision.kv_cache,
                                      shard_of_device(plan.degrees, device));
    }
    recorder_.on_start(
        {.engines = scenario_.engine.parallel.replicas,
         .stages = scenario_.engine.parallel.pipeline,
         .plan = plan.lead_plan(),
         .devices = plan.devices,
         .kv_bytes_per_token = per_token,
         .kv_capacity = kv->capacity(),
         .kv_blocks = kv->free_blocks(),
         .max_model_len = longest,
         .longest_requests_that_fit = kv->sequences_that_fit(longest - Tokens{1}, Tokens{1}),
         .why_step_by_step = why_step_by_step(scenario_, source_.traits(), recorder_)});
  }

  const Scenario& scenario_;
  RequestSource& source_;
  Recorder& recorder_;
  std::unique_ptr<EngineRouter> router_;
  std::vector<EngineView> views_;
  std::vector<Replica> replicas_;
  SimTime now_;
};

PlanRequest plan_request(const Scenario& scenario) {
  return {.gpu = scenario.hardware.gpu,
          .model = scenario.model,
          .precision = scenario.precision,
          .memory = scenario.engine.memory,
          .kv_cache = scenario.engine.kv_cache,
          .profile_tokens = profile_tokens(scenario),
          .profile_sequences = profile_sequences(scenario),
          .shard = {.degrees = scenario.engine.parallel.degrees()},
          .workspace = step_workspace(scenario),
          .graphs_a_layer = graphs_a_layer(scenario)};
}

}  // namespace

std::variant<EnginePlan, DoesNotFit> plan_engine(const Scenario& scenario) {
  return plan_engine(plan_request(scenario));
}

std::variant<MemoryPlan, DoesNotFit> plan_memory(const Scenario& scenario) {
  const auto engine = plan_engine(scenario);
  if (const auto* fault = std::get_if<DoesNotFit>(&engine)) {
    return *fault;
  }
  return std::get<EnginePlan>(engine).lead_plan();
}

namespace {

Shard lead_shard(const Scenario& scenario) {
  const ShardDegrees degrees = scenario.engine.parallel.degrees();
  return EnginePlan{degrees, scenario.model.layers,
                    std::vector<MemoryPlan>(static_cast<std::size_t>(degrees.devices()))}
      .lead_shard();
}

}  // namespace

Bytes lead_kv_bytes_per_token(const Scenario& scenario) {
  return kv_bytes_per_token(scenario.model, scenario.precision.kv_cache, lead_shard(scenario));
}

std::int64_t lead_kv_tensors(const Scenario& scenario) {
  return 2 * model_of_shard(scenario.model, lead_shard(scenario)).layers;
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
