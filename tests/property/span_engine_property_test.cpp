// Many steps at once give what one step at a time gives, to the byte: random small scenarios of
// every policy with every KV manager that it combines with, run both ways.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "tessera/core/decimal.hpp"
#include "tessera/core/random.hpp"
#include "tessera/engine/simulate.hpp"
#include "tessera/metrics/run_recorder.hpp"
#include "tests/support/scenarios.hpp"
#include "tests/support/temporary_folder.hpp"

namespace tessera {
namespace {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : stream_(seed, "spans") {}
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(stream_() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool one_in(std::int64_t n) { return between(1, n) == 1; }

 private:
  RandomStream stream_;
};

VllmV1Spec random_vllm_v1(Dice& dice, Tokens max_model_len) {
  VllmV1Spec spec;
  spec.version = static_cast<VllmV1Version>(dice.between(0, 2));
  spec.max_num_seqs = dice.between(1, 12);
  spec.max_num_batched_tokens = Tokens{dice.between(1, 96)};
  spec.chunked_prefill = !dice.one_in(4);
  spec.long_prefill_token_threshold = Tokens{dice.one_in(3) ? dice.between(1, 40) : 0};
  spec.reserve_full_prompt = !dice.one_in(3);
  if (!spec.chunked_prefill) {
    spec.max_num_batched_tokens = std::max(spec.max_num_batched_tokens, max_model_len);
  }
  return spec;
}

// Half of them what the span engine is for.
PolicySpec random_policy(Dice& dice, Tokens max_model_len) {
  if (dice.one_in(2)) {
    return random_vllm_v1(dice, max_model_len);
  }
  const std::int64_t sequences = dice.between(1, 12);
  switch (dice.between(0, 5)) {
    case 0:
      return VllmV0Spec{.preemption = static_cast<Preemption>(dice.between(0, 1)),
                        .max_num_seqs = sequences,
                        .max_num_batched_tokens = max_model_len};
    case 1:
      return SarathiSpec{.max_num_seqs = sequences, .chunk_size = Tokens{dice.between(12, 64)}};
    case 2:
      return SimpleChunkingSpec{.max_num_seqs = sequences,
                                .chunk_size = Tokens{dice.between(12, 64)}};
    case 3:
      return StaticSpec{.max_num_seqs = sequences};
    case 4:
      return OrcaSpec{.max_num_seqs = sequences};
    default:
      return FasterTransformerSpec{.max_num_seqs = sequences};
  }
}

KvCacheSpec random_kv_cache(Dice& dice) {
  if (dice.one_in(5)) {
    return ContiguousKvSpec{.reserve = static_cast<Reserve>(dice.between(0, 2)),
                            .placement = static_cast<Placement>(dice.between(0, 2))};
  }
  PagedKvSpec paged;
  paged.block_size = Tokens{dice.between(1, 20)};
  paged.num_blocks = Blocks{dice.between(2, dice.one_in(3) ? 20 : 200)};
  paged.prefix_caching = dice.one_in(8);
  paged.reserve = dice.one_in(6) ? BlockReserve::max_model_len : BlockReserve::grow;
  if (dice.one_in(3)) {
    paged.watermark = 0.01 * static_cast<double>(dice.between(0, 30));
  }
  return paged;
}

// Times in whole milliseconds, so that arrivals meet the ends of steps.
CostSpec random_cost(Dice& dice) {
  if (dice.one_in(4)) {
    return RooflineCostSpec{};
  }
  return AffineCostSpec{
      .base = Duration::milliseconds(dice.between(dice.one_in(20) ? 0 : 1, 8)),
      .per_token = Duration::milliseconds(dice.between(0, 1)),
      .per_context_token = Duration::microseconds(dice.one_in(2) ? dice.between(0, 50) : 0),
      .per_sequence = Duration::milliseconds(dice.between(0, 1))};
}

void choose_workload(Dice& dice, WorkloadSpec& workload, std::int64_t longest) {
  workload.requests = dice.between(1, 60);
  switch (dice.between(0, 4)) {
    case 0:
      workload.arrivals = BurstArrivals{};
      break;
    case 1:
      workload.arrivals =
          ConstantArrivals{.rate = Rate{100.0 / static_cast<double>(dice.between(1, 200))}};
      break;
    case 2:
      workload.arrivals = ClosedLoopArrivals{
          .users = dice.between(1, 9), .think_time = Duration::milliseconds(dice.between(0, 300))};
      break;
    default:
      workload.arrivals =
          PoissonArrivals{.rate = Rate{100.0 / static_cast<double>(dice.between(1, 200))}};
  }
  workload.prompt_tokens = UniformLength{.min = Tokens{1}, .max = Tokens{dice.between(1, longest)}};
  workload.output_tokens = UniformLength{.min = Tokens{1}, .max = Tokens{dice.between(1, longest)}};
}

Scenario random_scenario(std::uint64_t seed) {
  Dice dice(seed);
  while (true) {
    Scenario scenario = tiny_scenario();
    scenario.seed = seed;
    scenario.hardware.gpu.link_bandwidth = Bandwidth{12e9};
    scenario.engine.max_model_len = Tokens{dice.between(2, dice.one_in(4) ? 2000 : 300)};
    scenario.engine.policy = random_policy(dice, *scenario.engine.max_model_len);
    scenario.engine.kv_cache = random_kv_cache(dice);
    if (!why_incompatible(scenario.engine.policy, scenario.engine.kv_cache).empty()) {
      continue;
    }
    scenario.cost = random_cost(dice);
    scenario.engine.overheads.step = Duration::microseconds(dice.between(0, 3000));
    scenario.engine.overheads.launch = Duration::microseconds(dice.between(0, 20));
    choose_workload(dice, scenario.workload,
                    std::max<std::int64_t>(scenario.engine.max_model_len->count() * 2 / 3, 1));
    scenario.output.iterations = true;
    scenario.output.memory = SeriesSpec{Duration::milliseconds(dice.between(1, 700))};
    scenario.output.timeseries = SeriesSpec{Duration::milliseconds(dice.between(1, 700))};
    return scenario;
  }
}

// Keeps the records of requests as text, in whatever detail they have.
class Outcome final : public Recorder {
 public:
  explicit Outcome(Scenario scenario)
      : scenario_(std::move(scenario)), totals_(scenario_, nullptr) {
    Diagnostics notes;
    simulate(scenario_, *this, notes);
  }
  void on_start(const NodeRecord& record) override { totals_.on_start(record); }
  void on_step(const StepRecord& record) override { totals_.on_step(record); }
  void on_usage(const UsageRecord& record) override { totals_.on_usage(record); }
  void on_span(const SpanRecord& span) override {
    ++spans_;
    totals_.on_span(span);
  }
  [[nodiscard]] bool takes_spans() const override { return true; }
  void on_request_end(const RequestRecord& record) override {
    totals_.on_request_end(record);
    add(number_of(record.request.id));
    add(static_cast<std::int64_t>(record.status));
    add(static_cast<std::int64_t>(record.reason));
    add(record.scheduled.value_or(SimTime{}).since_start().picoseconds());
    add(record.first_token.value_or(SimTime{}).since_start().picoseconds());
    add(record.ended.since_start().picoseconds());
    add(record.output.count());
    add(record.num_preemptions);
    add(record.kv_peak_written.count());
    add(record.kv_peak_reserved.count());
    add(record.kv_wasted_byte_picoseconds);
    for (const PhaseColumn& column : phase_columns) {
      add((record.phases.*column.part).picoseconds());
    }
    text_ += '\n';
  }
  void on_end(const RunEnd& end) override { totals_.on_end(end); }

  // The requests in the order in which the engine let them go, and the summary.
  [[nodiscard]] std::string text() const { return text_ + totals_.summary_json(); }
  [[nodiscard]] std::int64_t spans() const { return spans_; }

 private:
  void add(Int128 number) {
    append_integer(text_, number);
    text_ += ' ';
  }
  Scenario scenario_;
  RunRecorder totals_;
  std::string text_;
  std::int64_t spans_ = 0;
};

Scenario with(Scenario scenario, Advance advance) {
  scenario.engine.advance = advance;
  return scenario;
}

// All files of a run, one after the other.
std::string files_of(const Scenario& scenario) {
  const TemporaryFolder room;
  OutputFolder folder(room.path() / "run", IfExists::refuse);
  RunRecorder recorder(scenario, &folder);
  Diagnostics notes;
  simulate(scenario, recorder, notes);
  std::string text = recorder.summary_csv();
  for (const char* name : {"requests.csv", "iterations.csv", "memory.csv", "timeseries.csv"}) {
    text += text_of(folder.staging() / name);
  }
  return text;
}

// How many scenarios a test tries: more where somebody asks for a soak.
std::uint64_t scenarios(std::uint64_t usual) {
  const char* const soak = std::getenv("TESSERA_SOAK");
  return soak == nullptr ? usual : usual * std::strtoull(soak, nullptr, 10);
}

TEST(SpanEngine, GivesEveryRequestTheFateOfOneStepAtATime) {
  std::int64_t in_spans = 0;
  const std::uint64_t all = scenarios(TESSERA_SPAN_SCENARIOS);
  for (std::uint64_t seed = 1; seed <= all; ++seed) {
    const Scenario scenario = random_scenario(seed);
    const Outcome spans(with(scenario, Advance::span));
    const Outcome steps(with(scenario, Advance::step));
    ASSERT_EQ(spans.text(), steps.text()) << "seed " << seed;
    EXPECT_EQ(steps.spans(), 0);
    in_spans += spans.spans() > 0 ? 1 : 0;
  }
  EXPECT_GT(in_spans, static_cast<std::int64_t>(all) / 3);
}

// Ends and last blocks that lie further ahead than the rings are long.
TEST(SpanEngine, LongOutputsGoRoundTheRings) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    Scenario scenario = random_scenario(seed);
    scenario.engine.max_model_len = Tokens{20'000};
    scenario.engine.policy = VllmV1Spec{.max_num_seqs = 3};
    PagedKvSpec paged;
    paged.num_blocks = Blocks{seed % 2 == 0 ? 1'300 : 4'000};
    scenario.engine.kv_cache = paged;
    scenario.workload.arrivals = PoissonArrivals{.rate = Rate{0.02}};
    scenario.workload.prompt_tokens = UniformLength{.min = Tokens{1}, .max = Tokens{300}};
    scenario.workload.output_tokens = UniformLength{.min = Tokens{3'000}, .max = Tokens{14'000}};
    scenario.workload.requests = 12;
    const Outcome spans(with(scenario, Advance::span));
    EXPECT_GT(spans.spans(), 0);
    EXPECT_EQ(spans.text(), Outcome(with(scenario, Advance::step)).text()) << "seed " << seed;
  }
}

TEST(SpanEngine, WritesTheFilesOfOneStepAtATime) {
  for (std::uint64_t seed = 1; seed <= scenarios(TESSERA_SPAN_SCENARIOS / 14); ++seed) {
    const Scenario scenario = random_scenario(seed);
    ASSERT_EQ(files_of(with(scenario, Advance::span)), files_of(with(scenario, Advance::step)))
        << "seed " << seed;
  }
}

}  // namespace
}  // namespace tessera
