// Which scenarios the span engine can serve.
#include <algorithm>

#include "sim/engine/engine.hpp"
#include "sim/engine/span_engine.hpp"
#include "tessera/core/duration_series.hpp"
#include "tessera/engine/simulate.hpp"

namespace tessera {

namespace {

// A bound on the time of any step, in picoseconds.
Int128 longest_step(const Scenario& scenario, const MemoryPlan& plan) {
  const PolicyTraits policy = traits_of(scenario.engine.policy);
  const std::int64_t sequences = std::min(policy.max_num_seqs, policy.token_budget->count());
  const std::int64_t capacity = make_kv_cache(scenario, plan)->capacity().count();
  StepShape shape;
  shape.decode_sequences = shape.sampled_sequences = sequences;
  shape.prefill_tokens = *policy.token_budget;
  shape.prefill_sequences = sequences;
  shape.decode_context = shape.prefill_context = Tokens{capacity};
  // A token is paired with those of its own sequence.
  const std::int64_t budget = policy.token_budget->count();
  shape.prefill_pairs = budget * std::min(capacity, scenario.max_model_len().count());
  shape.prefill_squares = budget * budget;
  const auto cost = make_cost_model(scenario);
  return cost->step(shape).total().picoseconds();
}

}  // namespace

std::string why_not_in_spans(const Scenario& scenario, const MemoryPlan& plan) {
  const auto* policy = std::get_if<VllmV1Spec>(&scenario.engine.policy);
  const auto* kv_cache = std::get_if<PagedKvSpec>(&scenario.engine.kv_cache);
  if (policy == nullptr || policy->order != Order::fcfs || policy->async_scheduling) {
    return "spans are for the policy vllm_v1, first come first served, without async_scheduling";
  }
  if (kv_cache == nullptr || kv_cache->prefix_caching || kv_cache->reserve != BlockReserve::grow) {
    return "spans are for paged KV that grows, without prefix caching";
  }
  const auto cost = make_cost_model(scenario);
  if (!cost->per_context_token()) {
    return "this cost model has no constant price for a token of context";
  }
  if (longest_step(scenario, plan) >= DurationSeries::longest_term) {
    return "a step could last for many minutes";
  }
  return {};
}

}  // namespace tessera
