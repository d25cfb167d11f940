// vLLM's sizing of the KV pool (determine_available_memory of its GPU worker): the engine's share
// of the device less what the profile run showed to be in use. CUDA graphs are captured afterwards
// and live outside the share.
#include "tessera/memory/memory_plan.hpp"

#include <algorithm>
#include <cmath>

#include "tessera/core/contract.hpp"
#include "tessera/core/time.hpp"
#include "tessera/memory/workspace.hpp"

namespace tessera {
namespace {

// Of the KV pool, in tokens.
struct PoolRule {
  Tokens smallest{0};
  std::optional<Tokens> fixed;
};

PoolRule pool_rule(const KvCacheSpec& spec) {
  return std::visit(
      [](const auto& named) {
        return PoolRule{.smallest = named.smallest_pool(), .fixed = named.fixed_pool()};
      },
      spec);
}

Bytes share_of(Bytes capacity, double utilization) {
  constexpr std::int64_t billion = 1'000'000'000;
  const std::int64_t billionths = std::llround(utilization * static_cast<double>(billion));
  TESSERA_INVARIANT(billionths >= 0 && billionths <= billion, "a utilization is a fraction");
  return Bytes{static_cast<std::int64_t>(Int128{capacity.count()} * billionths / billion)};
}

Bytes bytes_or_greatest(Int128 bytes) {
  const Int128 greatest{Bytes::max().count()};
  return Bytes{static_cast<std::int64_t>(bytes < greatest ? bytes : greatest)};
}

}  // namespace

std::variant<MemoryPlan, DoesNotFit> plan_memory(const PlanRequest& request) {
  MemoryPlan plan;
  plan.capacity = request.gpu.memory;
  plan.driver = request.gpu.context_memory;
  plan.weights = weight_bytes(request.model, request.precision.weights);
  plan.workspace = workspace_bytes(request.model, request.precision, request.profile_tokens,
                                   request.profile_sequences);
  const Bytes available = share_of(plan.capacity, request.memory.utilization) - plan.driver -
                          plan.weights - plan.workspace;

  const PoolRule rule = pool_rule(request.kv_cache);
  const Bytes per_token = kv_bytes_per_token(request.model, request.precision.kv_cache);
  // Blocks by the billion may ask for more than a 64-bit number of bytes.
  const Bytes asked = request.memory.kv_cache_memory.value_or(Bytes{0});
  const Int128 needed =
      std::max(Int128{per_token.count()} * rule.fixed.value_or(rule.smallest).count(),
               Int128{asked.count()});
  if (needed > available.count()) {
    plan.pool = bytes_or_greatest(needed);
    return DoesNotFit{.missing = bytes_or_greatest(needed - available.count()), .plan = plan};
  }
  plan.pool = rule.fixed ? per_token * rule.fixed->count()
                         : request.memory.kv_cache_memory.value_or(available);
  plan.outside = plan.capacity - plan.driver - plan.weights - plan.workspace - plan.pool;
  return plan;
}

}  // namespace tessera
