// Rules about memory: weights that fit, and a KV pool that some request fits into.
#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "sim/config/fit_advice.hpp"
#include "sim/config/rules.hpp"
#include "sim/config/scalar.hpp"
#include "tessera/engine/simulate.hpp"

namespace tessera {
namespace {

// The key that gives the pool its size; empty where none does.
template <class Named>
std::string_view key_of_fixed_pool(const Named& spec) {
  if constexpr (requires { Named::pool_key; }) {
    return spec.fixed_pool() ? Named::pool_key : std::string_view();
  } else {
    return {};
  }
}

}  // namespace

void Rules::check_memory() {
  check_pool_in_bytes();
  if (!sound({"hardware", "model", "precision", "engine"})) {
    return;
  }
  const auto plan = plan_memory(scenario_);
  if (const auto* fault_found = std::get_if<DoesNotFit>(&plan)) {
    fault("model", fit_advice(scenario_, *fault_found));
    return;
  }
  check_pool(std::get<MemoryPlan>(plan));
}

void Rules::check_pool_in_bytes() {
  const std::optional<Bytes> pool = scenario_.engine.memory.kv_cache_memory;
  if (!pool ||
      !sound({"engine.kv_cache", "engine.memory", "engine.parallel", "model", "precision"})) {
    return;
  }
  const auto [smallest, fixed_by] = std::visit(
      [](const auto& named) { return std::pair(named.smallest_pool(), key_of_fixed_pool(named)); },
      scenario_.engine.kv_cache);
  const Bytes least = lead_kv_bytes_per_token(scenario_) * smallest.count();
  if (!fixed_by.empty()) {
    fault("engine.memory.kv_cache_memory", "the pool has its size from engine.kv_cache." +
                                               std::string(fixed_by) + "; give one of the two");
  } else if (*pool < least) {
    fault("engine.memory.kv_cache_memory", "the least that this manager shares out takes " +
                                               std::to_string(least.count()) + " bytes, got " +
                                               std::to_string(pool->count()));
  }
}

void Rules::check_pool(const MemoryPlan& plan) {
  const Bytes per_token = lead_kv_bytes_per_token(scenario_);
  if (per_token <= Bytes{0}) {
    return;
  }
  const Tokens capacity{plan.pool / per_token};
  const std::string holds = "the KV pool holds " + text_of(capacity) + " tokens";
  const auto* contiguous = std::get_if<ContiguousKvSpec>(&scenario_.engine.kv_cache);
  const auto* paged = std::get_if<PagedKvSpec>(&scenario_.engine.kv_cache);
  const bool reserves_longest = (contiguous != nullptr && contiguous->reserve == Reserve::max) ||
                                (paged != nullptr && paged->reserve == BlockReserve::max_model_len);
  if (reserves_longest && scenario_.max_model_len() > capacity) {
    fault("engine.max_model_len", holds + ", less than the one reservation of max_model_len (" +
                                      text_of(scenario_.max_model_len()) +
                                      "); lower engine.max_model_len");
    return;
  }
  const auto& prompt = scenario_.workload.prompt_tokens;
  const auto& output = scenario_.workload.output_tokens;
  if (!prompt || !output || scenario_.workload.max_total_tokens ||
      !sound({"workload.prompt_tokens", "workload.output_tokens"})) {
    return;
  }
  const auto block_size = traits_of(scenario_.engine.kv_cache).block_size;
  if (block_size && divide_up(plan.pool, per_token * block_size->count()) >= std::int64_t{1}
                                                                                 << 32) {
    fault("engine.kv_cache",
          "the KV pool would have more than 4,294,967,295 blocks; take a larger "
          "engine.kv_cache.block_size");
    return;
  }
  // The shortest that can be drawn; longer ones that do not fit are results.
  KvSequence shortest;
  shortest.prompt = bounds_of(*prompt).least;
  shortest.output = bounds_of(*output).least;
  if (scenario_.workload.max_output_tokens) {
    shortest.max_output = bounds_of(*scenario_.workload.max_output_tokens).least;
    shortest.output = std::min(shortest.output, *shortest.max_output);
  }
  if (!make_kv_cache(scenario_, plan)->can_ever_hold(shortest)) {
    fault("workload.prompt_tokens", holds + ", of which one request can have less; a prompt of " +
                                        text_of(shortest.prompt) + " with an output of " +
                                        text_of(shortest.output) + " or more never fits");
  }
}

}  // namespace tessera
