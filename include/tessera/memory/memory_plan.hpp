// How a device's memory is divided before the first request: vLLM's sizing of the KV pool.
//   pool = floor(utilization·capacity) − driver − weights − workspace of the profile run
// CUDA graphs are captured after that: they live in what is left beside the engine's share.
// The utilization counts as a decimal of nine places and the product is exact: 0.7 of 1000 bytes is
// 700, though the double next to 0.7 lies below it.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>
#include <vector>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"
#include "tessera/hardware/gpu.hpp"
#include "tessera/memory/kv_specs.hpp"
#include "tessera/memory/workspace.hpp"
#include "tessera/model/model.hpp"
#include "tessera/model/shard.hpp"

namespace tessera {

struct MemorySpec {
  double utilization = 0.90;
  std::optional<Bytes> kv_cache_memory;
  Bytes swap_space{std::int64_t{4} << 30};
  std::optional<WorkspaceForm> workspace;
  Bytes attention_scratch{0};

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("utilization", self.utilization, within(0.0, 1.0),
            "share of the device's memory that the engine may use");
    v.field("kv_cache_memory", self.kv_cache_memory, more_than(Bytes{0}),
            "the KV pool, which must fit into that share; null: all that the share leaves");
    v.field("swap_space", self.swap_space, at_least(Bytes{0}),
            "host memory for KV that is swapped out");
    v.field("workspace", self.workspace,
            "whose tensors a step makes. serving: fused kernels, and a sampler over all sequences, "
            "as the profile run of vLLM and its kin; hugging_face: those of transformers' code, "
            "greedy; null: hugging_face with kv_cache kinds concat, static_cache, none");
    v.field("attention_scratch", self.attention_scratch, at_least(Bytes{0}),
            "what the attention kernels hold from the start, as FlashInfer does: 256 MiB in vLLM, "
            "384 MiB in SGLang");
  }
};

struct MemoryPlan {
  Bytes capacity{0};  // of the device
  Bytes driver{0};
  Bytes weights{0};
  Bytes workspace{0};  // reserved: the peak of the profile run
  Bytes pool{0};       // of the KV cache
  Bytes graphs{0};     // CUDA graphs
  Bytes outside{0};    // what is left of the capacity: outside the limit, or beside a fixed pool
};

// Weights, workspace and the smallest pool do not fit into the engine's share of the device, or the
// CUDA graphs not beside it.
enum class Shortage { share, beside_share };
struct DoesNotFit {
  Shortage shortage = Shortage::share;
  Bytes missing{0};         // at the least
  MemoryPlan plan;          // what was asked for; its pool is what would have been needed
  std::int64_t device = 0;  // of the engine: the one that misses most
};

struct PlanRequest {
  const GpuSpec& gpu;
  const ModelSpec& model;
  const PrecisionSpec& precision;
  const MemorySpec& memory;
  const KvCacheSpec& kv_cache;
  Tokens profile_tokens{0};            // new tokens of the largest step
  std::int64_t profile_sequences = 0;  // sequences of the largest step
  Shard shard;                         // of the model, on this device
  StepWorkspace workspace = {};
  Bytes graphs_a_layer{0};  // captured for each layer on the device
};

// A pool of fixed size must fit under the same limit; what it leaves is outside. Any other pool
// must hold the least that its manager shares out: a block, or a token.
[[nodiscard]] std::variant<MemoryPlan, DoesNotFit> plan_memory(const PlanRequest& request);

// The devices of one engine. Every device holds the same tokens, so the one with the least room for
// them decides (vLLM: the fewest blocks of all workers); what the others have more is outside.
struct EnginePlan {
  ShardDegrees degrees;
  std::int64_t layers = 0;          // of the model
  std::vector<MemoryPlan> devices;  // stage by stage, rank by rank

  // The first of the devices with the most layers, whose bytes a KV manager counts.
  [[nodiscard]] std::size_t lead() const;
  [[nodiscard]] std::int64_t layers_of(std::size_t device) const;
  [[nodiscard]] const MemoryPlan& lead_plan() const { return devices[lead()]; }
  [[nodiscard]] Shard lead_shard() const;
};

// Plans every device of an engine; request.shard says only how many there are.
[[nodiscard]] std::variant<EnginePlan, DoesNotFit> plan_engine(const PlanRequest& request);

}  // namespace tessera
