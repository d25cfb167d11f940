// Points a second of a sweep on one thread and on two, which share nothing that is written: CPU
// time a point must stay the same.
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <string>

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

// What a run of the sweep took: seconds on the wall, and of the processor in all threads.
struct Taken {
  double wall;
  double processor;
};

double seconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

class Points {
 public:
  Points() : plan_(plan_sweep(ScenarioText(scenario, "bench", "."), {}, {&seeds(), 1})) {}

  [[nodiscard]] std::int64_t number() const { return plan_.num_points; }

  [[nodiscard]] Taken run(std::int64_t threads) const {
    SweepExecution execution;
    execution.num_workers = threads;
    execution.workers = on_threads(threads);
    const double wall = seconds_of(CLOCK_MONOTONIC);
    const double processor = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
    benchmark::DoNotOptimize(run_sweep(plan_, execution).table.rows.size());
    return {seconds_of(CLOCK_MONOTONIC) - wall, seconds_of(CLOCK_PROCESS_CPUTIME_ID) - processor};
  }

 private:
  static const AxisGroup& seeds() {
    static const AxisGroup group = [] {
      AxisGroup seeds{{Axis{"seed", {}}}};
      for (int seed = 1; seed <= 64; ++seed) {
        seeds.axes.front().values.push_back(std::to_string(seed));
      }
      return seeds;
    }();
    return group;
  }
  SweepPlan plan_;
};

void points(benchmark::State& state) {
  const Points points;
  for (auto _ : state) {
    static_cast<void>(points.run(state.range(0)));
  }
  state.SetItemsProcessed(state.iterations() * points.number());
}
BENCHMARK(points)->Arg(1)->Arg(2)->UseRealTime()->MeasureProcessCPUTime()->Unit(
    benchmark::kMillisecond);

// The best of a number of runs on one thread against the best on two, turn by turn: `speed_up` on
// the wall, which two free processors let come near to 2, and `more_cpu_time`, how much dearer a
// point is while the other thread works, which neighbours on the machine disturb less.
void two_threads(benchmark::State& state) {
  const Points points;
  Taken one{1e9, 1e9};
  Taken two{1e9, 1e9};
  const auto keep_best = [](Taken& best, const Taken& taken) {
    best.wall = std::min(best.wall, taken.wall);
    best.processor = std::min(best.processor, taken.processor);
  };
  for (auto _ : state) {
    keep_best(one, points.run(1));
    keep_best(two, points.run(2));
  }
  state.counters["speed_up"] = one.wall / two.wall;
  state.counters["more_cpu_time"] = two.processor / one.processor;
}
BENCHMARK(two_threads)->Iterations(7)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tessera
