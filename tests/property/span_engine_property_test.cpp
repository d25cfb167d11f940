// Many steps at once give what one step at a time gives, to the byte: random small scenarios of
// every policy with every KV manager that it combines with, run both ways. Half of them are for the
// span engine, the others for the one-step engine's jumps.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "tessera/core/decimal.hpp"
#include "tessera/engine/simulate.hpp"
#include "tessera/metrics/run_recorder.hpp"
#include "tests/support/random_scenarios.hpp"
#include "tests/support/temporary_folder.hpp"

namespace tessera {
namespace {

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
    spans_ += !span.is_summed() && span.num_steps > 1 ? 1 : 0;
    totals_.on_span(span);
  }
  void on_sums(const SpanSums& sums) override {
    spans_ += sums.iterations - sums.spans;
    totals_.on_sums(sums);
  }
  [[nodiscard]] Distribution* gaps() override { return totals_.gaps(); }
  [[nodiscard]] bool looks_into_spans() const override { return totals_.looks_into_spans(); }
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

struct Files {
  std::string text;  // one after the other
  bool step_by_step = true;
};

Files files_of(const Scenario& scenario) {
  const TemporaryFolder room;
  OutputFolder folder(room.path() / "run", IfExists::refuse);
  RunRecorder recorder(scenario, &folder);
  Diagnostics notes;
  simulate(scenario, recorder, notes);
  std::string text = recorder.summary_csv();
  for (const char* name : {"requests.csv", "iterations.csv", "steps.csv", "trace.json",
                           "memory.csv", "timeseries.csv"}) {
    const std::filesystem::path file = folder.staging() / name;
    text += std::filesystem::exists(file) ? text_of(file) : std::string("no file\n");
  }
  return {text, !recorder.node().why_step_by_step.empty()};
}

// How many scenarios a test tries: more where somebody asks for a soak.
std::uint64_t scenarios(std::uint64_t usual) {
  const char* const soak = std::getenv("TESSERA_SOAK");
  return soak == nullptr ? usual : usual * std::strtoull(soak, nullptr, 10);
}

struct Family {
  const char* name;
  Scenario (*scenario)(std::uint64_t seed);
};
constexpr Family families[] = {{"spans", random_span_scenario}, {"jumps", random_scenario}};

std::string pair_of(const Scenario& scenario) {
  return std::string(kind_of(scenario.engine.policy)) + " on " +
         std::string(kind_of(scenario.engine.kv_cache));
}

TEST(SpanEngine, GivesEveryRequestTheFateOfOneStepAtATime) {
  std::map<std::string, std::int64_t> with_spans;  // scenarios
  std::map<std::string, std::int64_t> of_nodes;    // with spans and several engines, by router
  const std::uint64_t all = scenarios(TESSERA_SPAN_SCENARIOS);
  for (const Family& family : families) {
    std::int64_t in_spans = 0;
    for (std::uint64_t seed = 1; seed <= all; ++seed) {
      const Scenario scenario = family.scenario(seed);
      const Outcome spans(with(scenario, Advance::span));
      const Outcome steps(with(scenario, Advance::step));
      ASSERT_EQ(spans.text(), steps.text())
          << family.name << " seed " << seed << ": " << pair_of(scenario);
      EXPECT_EQ(steps.spans(), 0);
      in_spans += spans.spans() > 0 ? 1 : 0;
      with_spans[pair_of(scenario)] += spans.spans() > 0 ? 1 : 0;
      const ParallelSpec& parallel = scenario.engine.parallel;
      if (parallel.replicas > 1 && spans.spans() > 0) {
        ++of_nodes[std::string(family.name) + " behind " + std::string(name_of(parallel.router))];
      }
    }
    EXPECT_GT(in_spans, static_cast<std::int64_t>(all) / 2) << family.name;
  }
  EXPECT_EQ(of_nodes.size(), 12U);  // two families, six routers
  for (const auto& [node, number] : of_nodes) {
    EXPECT_GT(number, static_cast<std::int64_t>(all) / 100) << node;
  }
  for (const auto& [pair, number] : with_spans) {
    const bool changes_every_step =
        pair.ends_with(" on concat") || pair.ends_with(" on none") || pair.ends_with(" on cells");
    EXPECT_EQ(number == 0, changes_every_step) << pair;
  }
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

// A day of steps of 20 seconds: the sums over a sequence's time do not fit in 64 bits.
TEST(SpanEngine, SettlesSequencesThatRunForADay) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    Scenario scenario = random_span_scenario(seed);
    scenario.engine.max_model_len = Tokens{8'000};
    scenario.engine.parallel = {};
    scenario.engine.policy = VllmV1Spec{.max_num_seqs = 3};
    PagedKvSpec paged;
    paged.num_blocks = Blocks{seed % 2 == 0 ? 520 : 4'000};
    scenario.engine.kv_cache = paged;
    scenario.cost = AffineCostSpec{.base = Duration::seconds(20),
                                   .per_token = Duration::milliseconds(7),
                                   .per_context_token = Duration::microseconds(11),
                                   .per_sequence = Duration{}};
    scenario.workload.arrivals = PoissonArrivals{.rate = Rate{0.0001}};
    scenario.workload.prompt_tokens = UniformLength{.min = Tokens{1}, .max = Tokens{300}};
    scenario.workload.output_tokens = UniformLength{.min = Tokens{1'000}, .max = Tokens{7'000}};
    scenario.workload.requests = 10;
    const Outcome spans(with(scenario, Advance::span));
    EXPECT_GT(spans.spans(), 0);
    EXPECT_EQ(spans.text(), Outcome(with(scenario, Advance::step)).text()) << "seed " << seed;
  }
}

TEST(SpanEngine, WritesTheFilesOfOneStepAtATime) {
  for (const Family& family : families) {
    const std::uint64_t all = scenarios(TESSERA_SPAN_SCENARIOS / 14);
    std::uint64_t with_steps = 0;  // of them written from spans or jumps
    for (std::uint64_t seed = 1; seed <= all; ++seed) {
      Scenario scenario = family.scenario(seed);
      scenario.output.steps = seed % 3 == 0;
      scenario.output.trace = seed % 6 == 0;
      const Files spans = files_of(with(scenario, Advance::span));
      ASSERT_EQ(spans.text, files_of(with(scenario, Advance::step)).text)
          << family.name << " seed " << seed << ": " << pair_of(scenario);
      with_steps += scenario.output.steps && !spans.step_by_step ? 1 : 0;
    }
    EXPECT_GT(with_steps, all / 8) << family.name;
  }
}

}  // namespace
}  // namespace tessera
