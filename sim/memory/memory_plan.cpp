// vLLM's sizing of the KV pool (determine_available_memory of its GPU worker): the engine's share
// of the device less what the profile run showed to be in use. CUDA graphs are captured afterwards
// and live outside the share. TensorRT-LLM's pool is a share of what is free instead.
#include "tessera/memory/memory_plan.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "tessera/core/contract.hpp"
#include "tessera/core/time.hpp"
#include "tessera/memory/kv_cache.hpp"
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

// NCCL's buffers: 4 MiB a channel and peer, two channels over PCIe. The peers are those of the
// tensor-parallel group and the neighbours in the pipeline.
Bytes communication_bytes(const Shard& shard) {
  constexpr Bytes a_peer{2 * std::int64_t{4} << 20};
  const std::int64_t neighbours =
      (shard.is_first_stage() ? 0 : 1) + (shard.is_last_stage() ? 0 : 1);
  return a_peer * (shard.degrees.tensor - 1 + neighbours);
}

std::int64_t layers_here(const PlanRequest& request) {
  return layers_of_stage(request.model.layers, request.shard.degrees.pipeline, request.shard.stage);
}

Bytes in_proportion(Bytes bytes, std::int64_t part, std::int64_t whole) {
  return Bytes{static_cast<std::int64_t>(Int128{bytes.count()} * part / whole)};
}

// Every device's pool in proportion to its layers, as large as the least of them allows.
void level_pools(EnginePlan& engine) {
  const std::int64_t most = engine.layers_of(engine.lead());
  Bytes least = Bytes::max();
  for (std::size_t device = 0; device < engine.devices.size(); ++device) {
    least =
        std::min(least, in_proportion(engine.devices[device].pool, most, engine.layers_of(device)));
  }
  for (std::size_t device = 0; device < engine.devices.size(); ++device) {
    MemoryPlan& plan = engine.devices[device];
    const Bytes pool = in_proportion(least, engine.layers_of(device), most);
    plan.outside += plan.pool - pool;
    plan.pool = pool;
  }
}

}  // namespace

std::variant<MemoryPlan, DoesNotFit> plan_memory(const PlanRequest& request) {
  MemoryPlan plan;
  plan.capacity = request.gpu.memory;
  plan.driver = request.gpu.context_memory + communication_bytes(request.shard);
  plan.weights = weight_bytes(request.model, request.precision.weights, request.shard);
  plan.workspace = workspace_bytes(request.model, request.precision, request.profile_tokens,
                                   request.profile_sequences, request.shard, request.workspace);
  const Bytes others = plan.driver + plan.weights + plan.workspace;
  const auto share = traits_of(request.kv_cache).share_of_free;
  const Bytes available = share && others < plan.capacity
                              ? share_of(plan.capacity - others, *share)
                              : share_of(plan.capacity, request.memory.utilization) - others;

  const PoolRule rule = pool_rule(request.kv_cache);
  const Bytes per_token =
      kv_bytes_per_token(request.model, request.precision.kv_cache, request.shard);
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
  plan.graphs = request.graphs_a_layer * layers_here(request);
  const Bytes beside_share = plan.capacity - others - plan.pool;
  if (plan.graphs > beside_share) {
    return DoesNotFit{
        .shortage = Shortage::beside_share, .missing = plan.graphs - beside_share, .plan = plan};
  }
  plan.outside = beside_share - plan.graphs;
  return plan;
}

std::size_t EnginePlan::lead() const {
  std::size_t most = 0;
  for (std::size_t device = 1; device < devices.size(); ++device) {
    most = layers_of(device) > layers_of(most) ? device : most;
  }
  return most;
}

std::int64_t EnginePlan::layers_of(std::size_t device) const {
  const std::int64_t stage = static_cast<std::int64_t>(device) / degrees.tensor;
  return layers_of_stage(layers, degrees.pipeline, stage);
}

Shard EnginePlan::lead_shard() const {
  return shard_of_device(degrees, static_cast<std::int64_t>(lead()));
}

std::variant<EnginePlan, DoesNotFit> plan_engine(const PlanRequest& request) {
  EnginePlan engine{request.shard.degrees, request.model.layers, {}};
  std::optional<DoesNotFit> worst;
  for (std::int64_t device = 0; device < engine.degrees.devices(); ++device) {
    PlanRequest own = request;
    own.shard = shard_of_device(engine.degrees, device);
    const auto plan = plan_memory(own);
    if (const auto* fault = std::get_if<DoesNotFit>(&plan)) {
      if (!worst || fault->missing > worst->missing) {
        worst = *fault;
        worst->device = device;
      }
    } else {
      engine.devices.push_back(std::get<MemoryPlan>(plan));
    }
  }
  if (worst) {
    return *worst;
  }
  level_pools(engine);
  return engine;
}

}  // namespace tessera
