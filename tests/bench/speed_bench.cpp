// What a simulated request costs, from its draw to its statistics: the workloads of a loaded and an
// idle engine, in spans and step by step. Items are requests; CPU time is what counts.
#include <benchmark/benchmark.h>

#include "tessera/engine/simulate.hpp"
#include "tessera/metrics/run_recorder.hpp"
#include "tests/support/scenarios.hpp"
#include "tests/support/temporary_folder.hpp"

namespace tessera {
namespace {

// A T4-like engine: 30 ms a step, 60 us a token, 0.5 us a token of context.
Scenario engine_of(std::int64_t max_num_seqs, double rate, std::int64_t num_blocks) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy = VllmV1Spec{.max_num_seqs = max_num_seqs};
  PagedKvSpec paged;
  paged.num_blocks = Blocks{num_blocks};
  scenario.engine.kv_cache = paged;
  scenario.cost = AffineCostSpec{.base = Duration::milliseconds(30),
                                 .per_token = Duration::microseconds(60),
                                 .per_context_token = Duration::nanoseconds(500)};
  scenario.workload.arrivals = PoissonArrivals{.rate = Rate{rate}};
  scenario.workload.prompt_tokens =
      LognormalLength{.median = 180, .sigma = 1.1, .max = Tokens{1536}};
  scenario.workload.output_tokens =
      LognormalLength{.median = 160, .sigma = 0.9, .max = Tokens{511}};
  scenario.output.memory.reset();
  scenario.output.timeseries.reset();
  return scenario;
}

void measure(benchmark::State& state, Scenario scenario, Advance advance, std::int64_t requests,
             const OutputFolder* folder) {
  scenario.engine.advance = advance;
  scenario.workload.requests = requests;
  std::int64_t iterations = 0;
  for (auto _ : state) {
    RunRecorder recorder(scenario, folder);
    Diagnostics notes;
    simulate(scenario, recorder, notes);
    iterations += std::stoll(cell(recorder.summary(), "num_iterations"));
  }
  state.SetItemsProcessed(state.iterations() * requests);
  state.counters["iterations/s"] =
      benchmark::Counter(static_cast<double>(iterations), benchmark::Counter::kIsRate);
}

constexpr std::int64_t many = 200'000;
constexpr std::int64_t few = 2'000;
constexpr std::int64_t roomy = 100'000;

void in_spans(benchmark::State& state, const Scenario& scenario) {
  measure(state, scenario, Advance::span, many, nullptr);
}
void step_by_step(benchmark::State& state, const Scenario& scenario) {
  measure(state, scenario, Advance::step, few, nullptr);
}
void with_requests_csv(benchmark::State& state, const Scenario& scenario) {
  const TemporaryFolder room;
  const OutputFolder folder(room.path() / "run", IfExists::refuse);
  measure(state, scenario, Advance::span, many, &folder);
}

// Rates in requests a second, against what the engine can do.
BENCHMARK_CAPTURE(in_spans, saturated_32, engine_of(32, 3.3, roomy))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(in_spans, saturated_256, engine_of(256, 8.5, roomy))
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(in_spans, load_80_32, engine_of(32, 2.5, roomy))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(in_spans, load_80_256, engine_of(256, 6.4, roomy))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(in_spans, load_20_32, engine_of(32, 0.6, roomy))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(in_spans, kv_bound, engine_of(256, 4.0, 1200))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(step_by_step, saturated_32, engine_of(32, 3.3, roomy))
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(step_by_step, saturated_256, engine_of(256, 8.5, roomy))
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(step_by_step, load_80_32, engine_of(32, 2.5, roomy))
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(step_by_step, load_80_256, engine_of(256, 6.4, roomy))
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(step_by_step, load_20_32, engine_of(32, 0.6, roomy))
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(step_by_step, kv_bound, engine_of(256, 4.0, 1200))->Unit(benchmark::kMillisecond);

BENCHMARK_CAPTURE(with_requests_csv, load_80_32, engine_of(32, 2.5, roomy))
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(with_requests_csv, load_80_256, engine_of(256, 6.4, roomy))
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tessera
