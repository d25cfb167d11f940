#include "sim/config/fit_advice.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "sim/config/presets.hpp"
#include "sim/config/problems.hpp"
#include "sim/config/scalar.hpp"
#include "tessera/config/load.hpp"
#include "tessera/engine/simulate.hpp"

namespace tessera {
namespace {

bool fits(const Scenario& scenario) {
  return std::holds_alternative<MemoryPlan>(plan_memory(scenario));
}

void advise_weights(const Scenario& scenario, std::vector<std::string>& advice) {
  for (const WeightFormat format : {WeightFormat::int8, WeightFormat::int4}) {
    Scenario changed = scenario;
    changed.precision.weights = format;
    if (format != scenario.precision.weights && fits(changed)) {
      advice.push_back("precision.weights: " + std::string(name_of(format)));
    }
  }
}

// The smallest card of the presets that is large enough.
void advise_gpu(const Scenario& scenario, std::vector<std::string>& advice) {
  std::string best;
  Bytes best_memory = Bytes::max();
  for (const std::string& name : gpu_preset_names()) {
    Scenario changed = scenario;
    changed.hardware.gpu = gpu_preset(name);
    if (changed.hardware.gpu.memory < best_memory && fits(changed)) {
      best = name;
      best_memory = changed.hardware.gpu.memory;
    }
  }
  if (!best.empty()) {
    advice.push_back("hardware.gpu: " + best);
  }
}

// The fewest ranks, in a node that is large enough.
void advise_ranks(const Scenario& scenario, std::vector<std::string>& advice) {
  const ParallelSpec& parallel = scenario.engine.parallel;
  for (std::int64_t ranks = 2 * parallel.tensor; ranks <= 16; ranks *= 2) {
    Scenario changed = scenario;
    changed.engine.parallel.tensor = ranks;
    const ShardDegrees degrees = changed.engine.parallel.degrees();
    if (!why_not_shared(scenario.model, scenario.precision.weights, degrees).empty() ||
        !fits(changed)) {
      continue;
    }
    const std::int64_t count = changed.engine.parallel.devices();
    std::string one = "engine.parallel.tensor: " + std::to_string(ranks);
    one += count > scenario.hardware.count ? " on hardware.count: " + std::to_string(count) : "";
    advice.push_back(one);
    return;
  }
}

void advise_step(const Scenario& scenario, std::vector<std::string>& advice) {
  Scenario changed = scenario;
  auto* policy = std::get_if<VllmV1Spec>(&changed.engine.policy);
  if (policy == nullptr || !policy->chunked_prefill) {
    return;
  }
  while (policy->max_num_batched_tokens > Tokens{256}) {
    policy->max_num_batched_tokens = Tokens{policy->max_num_batched_tokens.count() / 2};
    if (fits(changed)) {
      advice.push_back("engine.policy.max_num_batched_tokens: " +
                       text_of(policy->max_num_batched_tokens));
      return;
    }
  }
}

void advise_share(const Scenario& scenario, std::vector<std::string>& advice) {
  for (const double share : {0.92, 0.95, 0.98}) {
    Scenario changed = scenario;
    changed.engine.memory.utilization = share;
    if (share > scenario.engine.memory.utilization && fits(changed)) {
      advice.push_back("engine.memory.utilization: " + text_of(share));
      return;
    }
  }
}

template <class Named>
void advise_pool_of(Named& spec, const Scenario& changed, std::vector<std::string>& advice) {
  if constexpr (requires { Named::pool_key; }) {
    if (!spec.fixed_pool()) {
      return;
    }
    spec.size_from_memory();
    if (fits(changed)) {
      advice.push_back("a smaller engine.kv_cache." + std::string(Named::pool_key) +
                       ", or null to size it");
    }
  }
}

void advise_pool(const Scenario& scenario, std::vector<std::string>& advice) {
  Scenario changed = scenario;
  std::visit([&](auto& spec) { advise_pool_of(spec, changed, advice); }, changed.engine.kv_cache);
}

// "the t4", or which of those that share the model.
std::string device_text(const Scenario& scenario, std::int64_t device) {
  const ShardDegrees degrees = scenario.engine.parallel.degrees();
  const std::string gpu = "the " + scenario.hardware.gpu.name;
  if (degrees.devices() == 1) {
    return gpu;
  }
  const Shard shard = shard_of_device(degrees, device);
  return gpu + " of rank " + std::to_string(shard.rank) + ", stage " + std::to_string(shard.stage) +
         " (tensor " + std::to_string(degrees.tensor) + ", pipeline " +
         std::to_string(degrees.pipeline) + ")";
}

}  // namespace

std::string in_gib(Bytes bytes) {
  char text[40];
  std::snprintf(text, sizeof text, "%.2f GiB", static_cast<double>(bytes.count()) / 1073741824.0);
  return text;
}

namespace {

// CUDA graphs are captured when the KV pool has been taken.
std::string graph_advice(const Scenario& scenario, const DoesNotFit& fault) {
  const MemoryPlan& plan = fault.plan;
  const double utilization = scenario.engine.memory.utilization;
  const double most =
      1.0 - static_cast<double>(plan.graphs.count()) / static_cast<double>(plan.capacity.count());
  const double lower = std::floor(std::min(most, utilization) * 100.0) / 100.0;
  return "the CUDA graphs do not fit beside " + text_of(utilization) + " x " +
         in_gib(plan.capacity) + " of " + device_text(scenario, fault.device) +
         ": they are captured after the KV pool and take " + std::to_string(plan.graphs.count()) +
         " bytes (" + in_gib(plan.graphs) + "), of which " + std::to_string(fault.missing.count()) +
         " are missing; what would help: engine.memory.utilization: " + text_of(lower) +
         ", or a smaller engine.policy.max_num_seqs, or engine.overheads: vllm_eager, which "
         "captures none";
}

}  // namespace

std::string fit_advice(const Scenario& scenario, const DoesNotFit& fault) {
  if (fault.shortage == Shortage::beside_share) {
    return graph_advice(scenario, fault);
  }
  const MemoryPlan& plan = fault.plan;
  std::vector<std::string> advice;
  advise_weights(scenario, advice);
  advise_pool(scenario, advice);
  advise_share(scenario, advice);
  advise_step(scenario, advice);
  advise_gpu(scenario, advice);
  advise_ranks(scenario, advice);
  const std::string what =
      "'" + scenario.model.name + "' with " + std::string(name_of(scenario.precision.weights)) +
      " weights does not fit " + device_text(scenario, fault.device) + ": " +
      std::to_string(fault.missing.count()) + " bytes (" + in_gib(fault.missing) +
      ") are missing of " + text_of(scenario.engine.memory.utilization) + " x " +
      in_gib(plan.capacity) + "; weights take " + in_gib(plan.weights) + ", the workspace " +
      in_gib(plan.workspace) + ", the driver " + in_gib(plan.driver) + ", the KV pool at least " +
      in_gib(plan.pool);
  if (advice.empty()) {
    return what +
           "; no single change of weights, utilization, step size, GPU or ranks would help: take a "
           "smaller model";
  }
  std::string help;
  for (const std::string& one : advice) {
    help += (help.empty() ? "" : ", or ") + one;
  }
  return what + "; what would help: " + help;
}

}  // namespace tessera
