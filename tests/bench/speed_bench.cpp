// What a simulated request costs, from its draw to its statistics: the workloads of a loaded and an
// idle engine, in spans and step by step. Items are requests; CPU time is what counts.
#include <benchmark/benchmark.h>

#include "tessera/config/load.hpp"
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
                                 .per_context_token = Duration::nanoseconds(500),
                                 .per_sequence = Duration{}};
  scenario.workload.arrivals = PoissonArrivals{.rate = Rate{rate}};
  scenario.workload.prompt_tokens =
      LognormalLength{.median = 180, .sigma = 1.1, .max = Tokens{1536}};
  scenario.workload.output_tokens =
      LognormalLength{.median = 160, .sigma = 0.9, .max = Tokens{511}};
  scenario.output.memory.reset();
  scenario.output.timeseries.reset();
  return scenario;
}

// A T4 by the roofline, which serves OPT-125M: the scenario that the gates count instructions with.
Scenario t4_of(std::int64_t max_num_seqs, double rate) {
  const auto text = ScenarioText::read(TESSERA_SOURCE_DIR "/tests/bench/load_80.yaml");
  Scenario scenario = text.load({}).scenario;
  std::get<VllmV1Spec>(scenario.engine.policy).max_num_seqs = max_num_seqs;
  scenario.workload.arrivals = PoissonArrivals{.rate = Rate{rate}};
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

// Hands out what was drawn before.
class Drawn final : public RequestSource {
 public:
  explicit Drawn(const std::vector<Request>& requests) : requests_(requests) { announce_next(); }
  const Request& pop() override {
    const Request& request = requests_[next_++];
    announce_next();
    return request;
  }
  void on_end(const Request& /*request*/, SimTime /*now*/) override {}
  [[nodiscard]] SourceCounts counts() const override {
    return {.requests = static_cast<std::int64_t>(next_)};
  }
  [[nodiscard]] SourceTraits traits() const override { return {.hears_of_ends = false}; }

 private:
  void announce_next() {
    announce(next_ < requests_.size() ? requests_[next_].arrival : SimTime::max());
  }

  const std::vector<Request>& requests_;
  std::size_t next_ = 0;
};

std::vector<Request> drawn(const Scenario& scenario) {
  Diagnostics notes;
  const auto source = make_request_source(scenario.workload, scenario.seed, "", notes);
  std::vector<Request> requests;
  while (source->next_arrival() < SimTime::max()) {
    requests.push_back(source->pop());
  }
  return requests;
}

// Wants to know no more than how many steps there were.
class StepCount final : public Recorder {
 public:
  [[nodiscard]] bool takes_spans() const override { return true; }
  void on_end(const RunEnd& end) override { iterations += end.iterations; }
  std::int64_t iterations = 0;
};

// The simulation by itself: nothing is drawn, and no statistics are made.
void alone(benchmark::State& state, Scenario scenario) {
  scenario.workload.requests = 200'000;
  const std::vector<Request> requests = drawn(scenario);
  StepCount steps;
  for (auto _ : state) {
    Drawn source(requests);
    simulate(scenario, source, steps);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(requests.size()));
  state.counters["iterations/s"] =
      benchmark::Counter(static_cast<double>(steps.iterations), benchmark::Counter::kIsRate);
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
BENCHMARK_CAPTURE(alone, load_80_32, engine_of(32, 2.5, roomy))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(alone, load_80_256, engine_of(256, 6.4, roomy))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(alone, load_20_32, engine_of(32, 0.6, roomy))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(alone, t4_load_80_32, t4_of(32, 14.4))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(alone, t4_load_80_256, t4_of(256, 23.6))->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(alone, t4_load_20_32, t4_of(32, 3.6))->Unit(benchmark::kMillisecond);
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

// The other policies, which jump.
Scenario jumping(const PolicySpec& policy, const KvCacheSpec& kv_cache) {
  Scenario scenario = engine_of(32, 2.0, roomy);
  scenario.engine.policy = policy;
  scenario.engine.kv_cache = kv_cache;
  return scenario;
}
void in_jumps(benchmark::State& state, const Scenario& scenario) {
  measure(state, scenario, Advance::span, few, nullptr);
}
void in_steps(benchmark::State& state, const Scenario& scenario) {
  measure(state, scenario, Advance::step, few, nullptr);
}
PagedKvSpec roomy_paged() {
  PagedKvSpec paged;
  paged.num_blocks = Blocks{roomy};
  return paged;
}
#define TESSERA_JUMP_BENCH(name, ...)                                                     \
  BENCHMARK_CAPTURE(in_jumps, name, jumping(__VA_ARGS__))->Unit(benchmark::kMillisecond); \
  BENCHMARK_CAPTURE(in_steps, name, jumping(__VA_ARGS__))->Unit(benchmark::kMillisecond)
TESSERA_JUMP_BENCH(orca_contiguous, OrcaSpec{.max_num_seqs = 32}, ContiguousKvSpec{});
TESSERA_JUMP_BENCH(faster_transformer_contiguous, FasterTransformerSpec{.max_num_seqs = 32},
                   ContiguousKvSpec{});
TESSERA_JUMP_BENCH(static_static_cache, StaticSpec{.max_num_seqs = 32}, StaticCacheKvSpec{});
TESSERA_JUMP_BENCH(vllm_v0_paged, VllmV0Spec{.max_num_seqs = 32}, roomy_paged());
TESSERA_JUMP_BENCH(vllm_v1_priority_paged, VllmV1Spec{.order = Order::priority, .max_num_seqs = 32},
                   roomy_paged());
TESSERA_JUMP_BENCH(vllm_v1_virtual, VllmV1Spec{.max_num_seqs = 32}, VirtualKvSpec{});
TESSERA_JUMP_BENCH(sarathi_paged, SarathiSpec{.max_num_seqs = 32}, roomy_paged());
TESSERA_JUMP_BENCH(fastgen_paged, FastGenSpec{.max_ragged_sequence_count = 32}, roomy_paged());
TESSERA_JUMP_BENCH(lightllm_token, LightLlmSpec{.running_max_req_size = 32},
                   TokenKvSpec{.max_total_token_num = Tokens{roomy}});
TESSERA_JUMP_BENCH(sglang_radix, SglangSpec{.max_running_requests = 32},
                   RadixKvSpec{.max_total_tokens = Tokens{roomy}});
TESSERA_JUMP_BENCH(tensorrt_llm, TensorRtLlmSpec{.max_batch_size = 32},
                   TensorRtLlmKvSpec{.max_tokens = Tokens{roomy}});
TESSERA_JUMP_BENCH(tgi, TgiSpec{.max_batch_size = 32}, TgiKvSpec{});

BENCHMARK_CAPTURE(with_requests_csv, load_80_32, engine_of(32, 2.5, roomy))
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(with_requests_csv, load_80_256, engine_of(256, 6.4, roomy))
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tessera
