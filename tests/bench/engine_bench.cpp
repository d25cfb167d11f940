// The engine's loop: iterations and requests a second, from the draw of a request to its record.
#include <benchmark/benchmark.h>

#include "tessera/engine/simulate.hpp"
#include "tests/support/scenarios.hpp"

namespace tessera {
namespace {

struct Count final : Recorder {
  std::int64_t iterations = 0;
  std::int64_t requests = 0;
  void on_step(const StepRecord&) override { ++iterations; }
  void on_request_end(const RequestRecord&) override { ++requests; }
};

Scenario saturated(std::int64_t max_num_seqs, const KvCacheSpec& kv_cache) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy = VllmV1Spec{.max_num_seqs = max_num_seqs};
  scenario.engine.kv_cache = kv_cache;
  scenario.workload.arrivals = BurstArrivals{};
  scenario.workload.prompt_tokens =
      LognormalLength{.median = 180, .sigma = 1.1, .max = Tokens{1536}};
  scenario.workload.output_tokens =
      LognormalLength{.median = 160, .sigma = 0.9, .max = Tokens{511}};
  scenario.workload.requests = 2'000;
  return scenario;
}

void run_engine(benchmark::State& state, const KvCacheSpec& kv_cache) {
  const Scenario scenario = saturated(state.range(0), kv_cache);
  std::int64_t iterations = 0;
  std::int64_t requests = 0;
  for (auto _ : state) {
    Count count;
    Diagnostics notes;
    simulate(scenario, count, notes);
    iterations += count.iterations;
    requests += count.requests;
  }
  state.counters["iterations/s"] =
      benchmark::Counter(static_cast<double>(iterations), benchmark::Counter::kIsRate);
  state.counters["requests/s"] =
      benchmark::Counter(static_cast<double>(requests), benchmark::Counter::kIsRate);
}

void paged_engine(benchmark::State& state) {
  PagedKvSpec paged;
  paged.num_blocks = Blocks{4096};
  run_engine(state, paged);
}
BENCHMARK(paged_engine)->Arg(1)->Arg(32)->Arg(256);

void contiguous_engine(benchmark::State& state) {
  run_engine(state, ContiguousKvSpec{});
}
BENCHMARK(contiguous_engine)->Arg(1)->Arg(32);

}  // namespace
}  // namespace tessera
