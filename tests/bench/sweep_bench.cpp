// Points a second of a sweep on one thread and on two, which share nothing that is written: CPU
// time a point must stay the same.
#include <benchmark/benchmark.h>

#include "tessera/study/sweep.hpp"

namespace tessera {
namespace {

constexpr const char* scenario = R"(
model: opt-125m
hardware: {gpu: t4}
precision: {weights: fp16, kv_cache: fp16, compute: fp16}
engine: {policy: {kind: vllm_v1, max_num_seqs: 32}}
workload:
  arrivals: {kind: poisson, rate: 14.4 /s}
  prompt_tokens: {kind: lognormal, median: 180, sigma: 1.1, min: 4, max: 1536}
  output_tokens: {kind: lognormal, median: 160, sigma: 0.9, min: 1, max: 511}
  requests: 20000
)";

void points(benchmark::State& state) {
  AxisGroup seeds{{Axis{"seed", {}}}};
  for (int seed = 1; seed <= 32; ++seed) {
    seeds.axes.front().values.push_back(std::to_string(seed));
  }
  const SweepPlan plan = plan_sweep(ScenarioText(scenario, "bench", "."), {}, {&seeds, 1});
  SweepExecution execution;
  execution.num_workers = state.range(0);
  execution.workers = on_threads(execution.num_workers);
  for (auto _ : state) {
    benchmark::DoNotOptimize(run_sweep(plan, execution).table.rows.size());
  }
  state.SetItemsProcessed(state.iterations() * plan.num_points);
}
BENCHMARK(points)->Arg(1)->Arg(2)->UseRealTime()->MeasureProcessCPUTime()->Unit(
    benchmark::kMillisecond);

}  // namespace
}  // namespace tessera
