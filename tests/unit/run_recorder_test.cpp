// What a run's files say, from events made by hand whose answers can be worked out on paper.
#include "tessera/metrics/run_recorder.hpp"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <deque>
#include <map>

#include "tessera/core/contract.hpp"
#include "tests/support/scenarios.hpp"
#include "tests/support/temporary_folder.hpp"

namespace tessera {
namespace {

using namespace literals;

SimTime at_ms(std::int64_t n) {
  return SimTime::at(Duration::milliseconds(n));
}

// A device of 1000 bytes: 100 driver, 300 weights, 50 workspace, 40 outside, a pool of 510.
constexpr std::int64_t capacity = 1000;
constexpr std::int64_t pool = 510;

struct Kv {
  std::int64_t live = 0;
  std::int64_t future = 0;
  std::int64_t never = 0;
  std::int64_t largest_free = -1;  // all that is free
};

// Plays the engine's part: two sequences on one engine.
class HandMadeRun {
 public:
  explicit HandMadeRun(const Scenario& scenario, const OutputFolder* folder)
      : recorder_(scenario, folder) {
    NodeRecord node;
    node.plan = {.capacity = Bytes{capacity},
                 .driver = Bytes{100},
                 .weights = Bytes{300},
                 .workspace = Bytes{50},
                 .pool = Bytes{pool},
                 .outside = Bytes{40}};
    node.devices = {node.plan};
    node.kv_capacity = Tokens{51};
    node.kv_blocks = Blocks{5};
    recorder_.on_start(node);
  }

  Sequence& sequence(std::int64_t id, std::uint32_t slot) {
    Sequence& made = sequences_.emplace_back();
    made.request = a_request(id, Duration{}, 10_tokens, 3_tokens);
    made.kv.id = static_cast<SequenceId>(slot);
    return made;
  }

  void usage(SimTime time, const Kv& kv, QueueSizes queues = {}) {
    UsageRecord record;
    record.time = time;
    record.queues = queues;
    DeviceLedger& ledger = record.ledger;
    ledger.capacity = Bytes{capacity};
    ledger.driver = Bytes{100};
    ledger.weights = Bytes{300};
    ledger.workspace_used = Bytes{20};
    ledger.workspace_idle = Bytes{30};
    ledger.outside = Bytes{40};
    ledger.kv.live = Bytes{kv.live};
    ledger.kv.reserved_future = Bytes{kv.future};
    ledger.kv.reserved_never = Bytes{kv.never};
    ledger.kv.withheld = Bytes{10};
    ledger.kv.free_usable = Bytes{pool - 10 - kv.live - kv.future - kv.never};
    ledger.kv.largest_free = kv.largest_free < 0 ? ledger.kv.free_usable : Bytes{kv.largest_free};
    recorder_.on_usage(record);
  }

  // A step of the given entries, all memory-bound but for 1 ms of overhead.
  void step(SimTime start, SimTime end, const Step& step, std::vector<Sequence*> finished = {}) {
    StepRecord record;
    record.iteration = iterations_++;
    record.scheduled = start;
    record.start = start;
    record.end = end;
    record.time.overhead = Duration::milliseconds(1);
    record.time.memory = end - start - record.time.overhead;
    record.step = &step;
    record.shape = step.shape();
    record.finished = &finished;
    record.before = {.running = 1, .waiting = 2};
    record.after = {.running = 2, .waiting = 1};
    record.free_blocks_after_schedule = Blocks{3};
    record.free_blocks_after = Blocks{4};
    record.total_blocks = Blocks{6};
    recorder_.on_step(record);
  }

  static RequestRecord finished(std::int64_t id, std::int64_t scheduled_ms,
                                std::int64_t first_token_ms, std::int64_t ended_ms) {
    RequestRecord record;
    record.request = a_request(id, Duration{}, 10_tokens, 3_tokens);
    record.scheduled = at_ms(scheduled_ms);
    record.first_token = at_ms(first_token_ms);
    record.ended = at_ms(ended_ms);
    record.output = 3_tokens;
    record.phases.queued_slot = *record.scheduled - record.request.arrival;
    record.phases.prefill = *record.first_token - *record.scheduled;
    record.phases.decode = record.ended - *record.first_token;
    return record;
  }

  void end(SimTime time, std::int64_t requests) {
    recorder_.on_end({.time = time, .source = {.requests = requests}, .iterations = iterations_});
  }

  RunRecorder& recorder() { return recorder_; }
  std::string value(std::string_view column) { return cell(recorder_.summary(), column); }

 private:
  std::deque<Sequence> sequences_;
  std::int64_t iterations_ = 0;
  RunRecorder recorder_;
};

StepEntry prefill(Sequence& sequence, std::int64_t tokens, std::int64_t context, bool samples) {
  return {.sequence = &sequence,
          .tokens = Tokens{tokens},
          .context = Tokens{context},
          .kind = EntryKind::prefill,
          .samples = samples};
}
StepEntry decode(Sequence& sequence, std::int64_t context) {
  return {.sequence = &sequence,
          .tokens = Tokens{1},
          .context = Tokens{context},
          .kind = EntryKind::decode,
          .samples = true};
}
Step step_of(std::vector<StepEntry> entries) {
  Step step;
  for (const StepEntry& entry : entries) {
    step.tokens += entry.withdrawn ? Tokens{0} : entry.tokens;
  }
  step.entries = std::move(entries);
  return step;
}

// In a folder that the test looks into.
class RunFiles : public testing::Test {
 protected:
  RunFiles() { scenario_.output.memory->every = scenario_.output.timeseries->every = every_; }
  std::filesystem::path file(const std::string& name) const { return folder_.staging() / name; }

  const Duration every_ = Duration::milliseconds(100);
  Scenario scenario_ = tiny_scenario();
  TemporaryFolder room_;
  OutputFolder folder_{room_.path() / "run", IfExists::refuse};
};

TEST_F(RunFiles, RequestsAreInOrderOfEndingThenId) {
  HandMadeRun run(scenario_, &folder_);
  RequestRecord late = HandMadeRun::finished(1, 0, 10, 30);
  late.num_preemptions = 2;
  late.kv_peak_written = Bytes{12};
  late.kv_peak_reserved = Bytes{16};
  late.kv_wasted_byte_picoseconds = Int128{4} * 1'500'000'000'000 + 1;
  late.reason = EndReason::length;
  late.cached = 2_tokens;
  RequestRecord rejected;
  rejected.request = a_request(2, Duration::nanoseconds(5), 99_tokens, 3_tokens);
  rejected.status = RequestStatus::rejected;
  rejected.reason = EndReason::prompt_too_long;
  rejected.ended = rejected.request.arrival;
  RequestRecord odd = HandMadeRun::finished(0, 0, 10, 30);
  odd.first_token = at_ms(10) + Duration::picoseconds(1);
  odd.phases.prefill = Duration::milliseconds(10) + Duration::picoseconds(1);
  odd.phases.decode = Duration::milliseconds(15);
  odd.phases.stalled = Duration::milliseconds(5) - Duration::picoseconds(1);
  run.recorder().on_request_end(rejected);
  run.recorder().on_request_end(late);  // the same instant as the next, which has the smaller id
  run.recorder().on_request_end(odd);
  run.end(at_ms(30), 3);
  EXPECT_EQ(text_of(file("requests.csv")),
            "request_id,engine,arrival_s,scheduled_s,first_token_s,finished_s,prompt_tokens,"
            "output_tokens,cached_tokens,ttft_ms,tpot_ms,e2el_ms,num_preemptions,"
            "kv_peak_written_bytes,kv_peak_reserved_bytes,kv_wasted_byte_s,status,reason,"
            "queued_slot_ms,queued_memory_ms,prefill_ms,decode_ms,stalled_ms,preempted_ms,"
            "recomputed_ms,swapped_ms,held_ms\n"
            "2,0,0.000000005,,,,99,0,0,,,,0,0,0,0,rejected,prompt_too_long,,,,,,,,,\n"
            "0,0,0,0,0.010000000001,0.03,10,3,0,10.000000001,10,30,0,0,0,0,finished,,"
            "0,0,10.000000001,15,4.999999999,0,0,0,0\n"
            "1,0,0,0,0.01,0.03,10,3,2,10,10,30,2,12,16,6.000000000001,finished,length,"
            "0,0,10,20,0,0,0,0,0\n");
}

TEST_F(RunFiles, MemoryHoldsTheStateOfEachInstant) {
  HandMadeRun run(scenario_, &folder_);
  run.usage(at_ms(0), {});
  run.usage(at_ms(0), {.live = 100});  // the last of an instant counts
  run.usage(at_ms(50), {.live = 120, .future = 30});
  run.usage(at_ms(100), {.live = 200, .future = 40, .never = 60, .largest_free = 100});
  run.usage(at_ms(350), {.live = 500});
  run.end(at_ms(400), 0);
  EXPECT_EQ(text_of(file("memory.csv")),
            "time_s,engine,device,capacity_bytes,driver_bytes,weights_bytes,workspace_used_bytes,"
            "workspace_idle_bytes,graphs_bytes,kv_live_bytes,kv_cached_prefix_bytes,kv_dead_bytes,"
            "kv_pad_bytes,kv_duplicate_bytes,kv_reserved_future_bytes,kv_reserved_never_bytes,"
            "kv_rounding_bytes,cached_free_bytes,withheld_bytes,free_unusable_bytes,"
            "free_usable_bytes,largest_free_bytes,inactive_split_bytes,external_shape,"
            "external_static_bytes,external_demand_bytes\n"
            "0,0,0,1000,100,300,20,30,0,100,0,0,0,0,0,0,0,0,50,0,400,400,0,0,0,0\n"
            "0.1,0,0,1000,100,300,20,30,0,200,0,0,0,0,40,60,0,0,50,0,200,100,0,0.5,0,0\n"
            "0.2,0,0,1000,100,300,20,30,0,200,0,0,0,0,40,60,0,0,50,0,200,100,0,0.5,0,0\n"
            "0.3,0,0,1000,100,300,20,30,0,200,0,0,0,0,40,60,0,0,50,0,200,100,0,0.5,0,0\n"
            "0.4,0,0,1000,100,300,20,30,0,500,0,0,0,0,0,0,0,0,50,0,0,0,0,,0,0\n");
}

TEST_F(RunFiles, TimeSeriesCountsWhatEachIntervalBrought) {
  HandMadeRun run(scenario_, &folder_);
  Sequence& a = run.sequence(0, 0);
  run.usage(at_ms(0), {.live = 100, .future = 20, .never = 80}, {.running = 1, .waiting = 3});
  run.step(at_ms(0), at_ms(100), step_of({prefill(a, 10, 10, true)}));  // in the first interval
  run.usage(at_ms(100), {.live = 110, .future = 10, .largest_free = 95}, {.running = 2});
  run.step(at_ms(100), at_ms(110), step_of({decode(a, 11)}));
  run.step(at_ms(110), at_ms(120), step_of({decode(a, 12)}), {&a});
  run.recorder().on_request_end(HandMadeRun::finished(0, 0, 100, 120));
  run.usage(at_ms(120), {});
  run.end(at_ms(250), 1);
  EXPECT_EQ(text_of(file("timeseries.csv")),
            "time_s,engine,request_throughput,output_throughput,total_token_throughput,"
            "num_running,num_waiting,kv_reserved_bytes,kv_live_bytes,kv_wasted_bytes,"
            "kv_waste_of_reserved,kv_waste_of_pool,external_fragmentation\n"
            "0.1,0,0,10,110,2,0,120,110,10,0.08333333333333333,0.0196078431372549,0.75\n"
            "0.2,0,10,20,20,0,0,0,0,0,,0,0\n"
            "0.25,0,0,0,0,0,0,0,0,0,,0,0\n");
}

TEST_F(RunFiles, StepsHaveTheColumnsOfRecordedTraces) {
  scenario_.output.steps = true;
  scenario_.output.iterations = true;
  HandMadeRun run(scenario_, &folder_);
  Sequence& a = run.sequence(7, 0);
  Sequence& b = run.sequence(8, 1);
  Sequence& c = run.sequence(9, 2);
  Step step = step_of({decode(a, 12), prefill(b, 6, 8, false), prefill(c, 5, 5, true)});
  step.entries[2].withdrawn = true;
  step.tokens = 7_tokens;
  step.admitted = {&b};
  step.preempted = {&c};
  step.hits = {{&b, 2_tokens}};
  run.step(at_ms(5), SimTime::at(Duration::picoseconds(7'000'000'001)), step, {&a});
  Sequence& dead = run.sequence(3, 3);
  run.step(at_ms(8), at_ms(10),
           step_of({{.sequence = &dead,
                     .tokens = 1_tokens,
                     .context = 4_tokens,
                     .kind = EntryKind::dead_row}}));
  run.end(at_ms(10), 0);
  EXPECT_EQ(text_of(file("steps.csv")),
            "step,clock_start_s,clock_end_s,num_running_before,num_waiting_before,scheduled,"
            "preempted,finished,free_blocks_after,total_blocks,cached_hit_tokens,"
            "num_swapped_before,admitted,swapped_in,swapped_out,free_blocks_after_schedule,"
            "num_running_after,num_waiting_after,num_tokens,hits,ignored,sched_s\n"
            "0,0.0050000,0.007000000001,1,2,7:1:d;8:6:p,9,7,4,6,2,0,8,,,3,2,1,7,8:2,,0.0050000\n"
            "1,0.0080000,0.0100000,1,2,3:1:x,,,4,6,0,0,,,,3,2,1,1,,,0.0080000\n");
  const auto rows = lines_of(file("iterations.csv"));
  EXPECT_EQ(rows.at(0),
            "iteration,engine,start_s,end_s,batch_size,prefill_tokens,decode_tokens,"
            "context_tokens,num_running,num_waiting,num_preempted,free_blocks,compute_ms,"
            "memory_ms,overhead_ms,link_ms");
  EXPECT_EQ(rows.at(1), "0,0,0.005,0.007000000001,2,6,1,20,1,2,1,3,0,1.000000001,1,0");
}

TEST_F(RunFiles, RequestKvHasARowAChange) {
  EXPECT_FALSE(HandMadeRun(scenario_, nullptr).recorder().wants_request_kv());
  scenario_.output.request_kv = true;
  HandMadeRun run(scenario_, &folder_);
  EXPECT_TRUE(run.recorder().wants_request_kv());
  run.recorder().on_request_kv({RequestId{4}, EngineId{0}, at_ms(1), Bytes{0}, Bytes{16}});
  run.recorder().on_request_kv({RequestId{4}, EngineId{0}, at_ms(2), Bytes{10}, Bytes{16}});
  run.end(at_ms(2), 0);
  EXPECT_EQ(text_of(file("request_kv.csv")),
            "request_id,engine,time_s,written_bytes,reserved_bytes\n"
            "4,0,0.001,0,16\n4,0,0.002,10,16\n");
}

TEST_F(RunFiles, AreOnlyThoseAskedFor) {
  scenario_.output.memory.reset();
  scenario_.output.timeseries.reset();
  HandMadeRun run(scenario_, &folder_);
  run.usage(at_ms(0), {});
  run.end(at_ms(10), 0);
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_.staging())) {
    names.push_back(entry.path().filename());
  }
  EXPECT_EQ(names, std::vector<std::string>{"requests.csv"});
}

TEST_F(RunFiles, OfSeriesAreWidenedToTenThousandRowsAndItIsSaid) {
  scenario_.output.memory->every = Duration::milliseconds(1);
  scenario_.output.timeseries->every = Duration::milliseconds(2);
  HandMadeRun run(scenario_, &folder_);
  Sequence& a = run.sequence(0, 0);
  for (std::int64_t second = 0; second < 40; ++second) {
    run.usage(at_ms(1000 * second), {.live = second});
    run.step(at_ms(1000 * second), at_ms(1000 * second + 500), step_of({decode(a, 11 + second)}));
  }
  run.end(at_ms(40'001), 0);
  const auto memory = lines_of(file("memory.csv"));
  ASSERT_EQ(memory.size() - 1, 5001U);  // 0, 8 ms … 40 s; every 4 ms would be one row too many
  for (std::size_t row = 1; row < memory.size(); ++row) {
    const auto cells = cells_of(memory[row]);
    const auto ms = static_cast<std::int64_t>(row - 1) * 8;
    ASSERT_EQ(cells[9], std::to_string(std::min<std::int64_t>(ms / 1000, 39))) << memory[row];
  }
  const auto series = lines_of(file("timeseries.csv"));
  ASSERT_EQ(series.size() - 1, 5001U);
  std::int64_t tokens = 0;
  for (std::size_t row = 1; row < series.size(); ++row) {
    const auto cells = cells_of(series[row]);
    if (cells[3] != "0") {
      EXPECT_EQ(cells[3], "125");  // one token in 8 ms
      ++tokens;
    }
  }
  EXPECT_EQ(tokens, 40);
  ASSERT_EQ(run.recorder().notes().size(), 2U);
  EXPECT_EQ(to_string(run.recorder().notes()[0]),
            "timeseries.csv: note: one row every 0.008 s instead of 0.002 s, to stay within "
            "10,000 rows");
  EXPECT_EQ(to_string(run.recorder().notes()[1]),
            "memory.csv: note: one row every 0.008 s instead of 0.001 s, to stay within "
            "10,000 rows");
}

TEST_F(RunFiles, OfSeriesKeepExactlyTenThousandRows) {
  scenario_.output.memory->every = Duration::milliseconds(1);
  scenario_.output.timeseries->every = Duration::milliseconds(1);
  HandMadeRun run(scenario_, &folder_);
  run.usage(at_ms(0), {});
  run.end(SimTime::at(Duration::microseconds(9'999'500)), 0);
  EXPECT_EQ(lines_of(file("memory.csv")).size() - 1, 10'000U);
  EXPECT_EQ(lines_of(file("timeseries.csv")).size() - 1, 10'000U);
  EXPECT_TRUE(run.recorder().notes().empty());
}

// A wait of ten years between two requests, sampled every microsecond, must not take forever.
TEST_F(RunFiles, OfSeriesSpanYears) {
  scenario_.output.memory->every = scenario_.output.timeseries->every = Duration::microseconds(1);
  HandMadeRun run(scenario_, &folder_);
  run.usage(at_ms(0), {});
  run.end(SimTime::at(Duration::seconds(315'360'000)), 0);
  EXPECT_LE(lines_of(file("memory.csv")).size() - 1, 10'000U);
  EXPECT_GE(lines_of(file("timeseries.csv")).size() - 1, 5'000U);
}

TEST_F(RunFiles, AreEqualForEqualRuns) {
  std::array<std::string, 2> texts;
  for (std::string& text : texts) {
    TemporaryFolder room;
    const OutputFolder folder(room.path() / "run", IfExists::refuse);
    HandMadeRun run(scenario_, &folder);
    run.usage(at_ms(0), {.live = 7});
    run.recorder().on_request_end(HandMadeRun::finished(0, 0, 10, 30));
    run.end(at_ms(300), 1);
    text = text_of(folder.staging() / "requests.csv") + text_of(folder.staging() / "memory.csv") +
           run.recorder().summary_csv() + run.recorder().summary_json();
  }
  EXPECT_EQ(texts[0], texts[1]);
}

// Two requests of three tokens each; the second is preempted after its first token and computes its
// 10 + 1 tokens again.
class RunSummary : public testing::Test {
 protected:
  void play(HandMadeRun& run) {
    Sequence& a = run.sequence(0, 0);
    Sequence& b = run.sequence(1, 1);
    run.usage(at_ms(0), {.live = 100, .future = 100}, {.running = 2, .waiting = 1});
    run.step(at_ms(0), at_ms(40), step_of({prefill(a, 10, 10, true), prefill(b, 10, 10, true)}));
    Step second = step_of({decode(a, 11)});
    second.preempted = {&b};
    run.usage(at_ms(40), {.live = 50, .future = 50, .never = 100, .largest_free = 150},
              {.running = 1, .waiting = 1});
    run.step(at_ms(40), at_ms(60), second);
    run.step(at_ms(60), at_ms(80), step_of({decode(a, 12), prefill(b, 11, 11, true)}), {&a});
    RequestRecord first = HandMadeRun::finished(0, 0, 40, 80);
    run.recorder().on_request_end(first);
    run.usage(at_ms(80), {}, {});
    run.step(at_ms(80), at_ms(100), step_of({decode(b, 12)}), {&b});
    RequestRecord last = HandMadeRun::finished(1, 0, 40, 100);
    last.num_preemptions = 1;
    run.recorder().on_request_end(last);
    run.end(at_ms(200), 2);
  }
  Scenario scenario_ = tiny_scenario();
};

TEST_F(RunSummary, CountsAndRates) {
  HandMadeRun run(scenario_, nullptr);
  play(run);
  const std::map<std::string, std::string> expected{{"num_requests", "2"},
                                                    {"num_finished", "2"},
                                                    {"num_rejected", "0"},
                                                    {"duration_s", "0.2"},
                                                    {"request_throughput", "10"},
                                                    {"output_throughput", "30"},
                                                    {"total_token_throughput", "130"},
                                                    {"request_goodput", ""},
                                                    {"slo_attainment", ""},
                                                    {"slo_met", ""},
                                                    {"num_iterations", "4"},
                                                    {"num_preemptions", "1"},
                                                    {"num_preempted_requests", "1"},
                                                    {"recomputed_tokens", "10"},
                                                    {"prompt_tokens", "20"},
                                                    {"output_tokens", "6"},
                                                    {"max_num_running", "2"},
                                                    {"mean_num_running", "0.6"},
                                                    {"mean_num_waiting", "0.4"},
                                                    {"mean_batch_size", "1.5"},
                                                    {"gpu_busy", "0.5"},
                                                    {"bound", "memory"},
                                                    {"memory_of_step_time", "0.96"},
                                                    {"overhead_of_step_time", "0.04"},
                                                    {"compute_of_step_time", "0"},
                                                    {"time_idle", "0.6"},
                                                    {"time_admission", "0.4"},
                                                    {"limited_by", "admission"}};
  for (const auto& [column, value] : expected) {
    EXPECT_EQ(run.value(column), value) << column;
  }
}

TEST_F(RunSummary, LatenciesAreExact) {
  HandMadeRun run(scenario_, nullptr);
  play(run);
  const std::map<std::string, std::string> expected{
      {"mean_ttft_ms", "40"},
      {"median_ttft_ms", "40"},
      {"mean_tpot_ms", "25"},
      {"p90_tpot_ms", "29"},
      {"p95_tpot_ms", "29.5"},
      {"p99_tpot_ms", "29.9"},
      {"mean_e2el_ms", "90"},
      {"mean_queue_ms", "0"},
      {"mean_normalized_latency_ms", "30"},
      // Gaps: 20 and 20 of the first request, 40 and 20 of the second.
      {"mean_itl_ms", "25"},
      {"median_itl_ms", "20"},
      {"p90_itl_ms", "34"},
      {"max_itl_ms", "40"}};
  for (const auto& [column, value] : expected) {
    EXPECT_EQ(run.value(column), value) << column;
  }
}

TEST_F(RunSummary, MemoryIsWeightedByTime) {
  HandMadeRun run(scenario_, nullptr);
  play(run);
  const std::map<std::string, std::string> expected{
      {"kv_pool_bytes", "510"},
      {"kv_blocks", "5"},
      {"kv_capacity_tokens", "51"},
      {"kv_reserved_mean_bytes", "80"},  // 200 for 40 ms and 200 for 40 ms, of 200 ms
      {"kv_wasted_mean_bytes", "50"},    // 100 and 150
      {"kv_live_mean_bytes", "30"},
      {"kv_reserved_peak_bytes", "200"},
      {"kv_waste_of_reserved", "0.625"},
      {"kv_waste_of_pool", "0.09803921568627451"},  // 50/510
      {"workspace_idle_mean_bytes", "30"},
      {"withheld_mean_bytes", "50"},
      // Free: 300, 300 and 500; of the second only 150 in one run.
      {"external_fragmentation", "0.07142857142857142"},  // 150·40/(300·80 + 500·120)
      {"capacity_bytes", "1000"}};
  for (const auto& [column, value] : expected) {
    EXPECT_EQ(run.value(column), value) << column;
  }
}

TEST_F(RunSummary, MeansOfTheClassesSumToTheCapacity) {
  HandMadeRun run(scenario_, nullptr);
  run.usage(at_ms(0), {.live = 1});
  run.usage(at_ms(1), {.live = 1, .future = 1});
  run.usage(at_ms(2), {.live = 2, .future = 2, .never = 1});
  run.end(at_ms(3), 0);
  std::int64_t sum = 0;
  for (const std::string_view name : DeviceLedger::class_names) {
    sum += std::stoll(run.value(std::string(name) + "_mean_bytes"));
  }
  EXPECT_EQ(sum, capacity);
}

TEST_F(RunSummary, GoodputCountsRequestsThatKeepEveryLimit) {
  scenario_.slo.emplace();
  scenario_.slo->tpot.each = Duration::milliseconds(20);
  scenario_.slo->attainment = 0.5;
  HandMadeRun half(scenario_, nullptr);
  play(half);
  EXPECT_EQ(half.value("request_goodput"), "5");
  EXPECT_EQ(half.value("slo_attainment"), "0.5");
  EXPECT_EQ(half.value("slo_met"), "true");

  scenario_.slo->ttft.p99 = Duration::milliseconds(39);
  HandMadeRun slow(scenario_, nullptr);
  play(slow);
  EXPECT_EQ(slow.value("slo_attainment"), "0.5");
  EXPECT_EQ(slow.value("slo_met"), "false");
}

TEST_F(RunSummary, OfNothingIsEmptyCells) {
  HandMadeRun run(scenario_, nullptr);
  run.usage(at_ms(0), {});
  run.end(at_ms(0), 0);
  for (const std::string column :
       {"request_throughput", "mean_ttft_ms", "p99_itl_ms", "mean_batch_size", "kv_waste_of_pool",
        "kv_live_mean_bytes", "gpu_busy", "bound", "limited_by", "slo_met"}) {
    EXPECT_EQ(run.value(column), "") << column;
  }
  EXPECT_NO_THROW((void)boost::json::parse(run.recorder().summary_json()));
}

TEST_F(RunSummary, HasTheSameColumnsForEveryRun) {
  HandMadeRun full(scenario_, nullptr);
  play(full);
  scenario_.slo.emplace();
  HandMadeRun empty(scenario_, nullptr);
  empty.end(at_ms(0), 0);
  const std::string full_csv = full.recorder().summary_csv();
  const std::string empty_csv = empty.recorder().summary_csv();
  const auto header = [](const std::string& csv) { return csv.substr(0, csv.find('\n')); };
  EXPECT_EQ(header(full_csv), header(empty_csv));
  for (const std::string& csv : {full_csv, empty_csv}) {
    const std::string row = csv.substr(csv.find('\n') + 1);
    EXPECT_EQ(cells_of(row).size(), cells_of(header(csv)).size());
  }
}

TEST_F(RunSummary, JsonNamesItsDenominators) {
  HandMadeRun run(scenario_, nullptr);
  play(run);
  const auto json = boost::json::parse(run.recorder().summary_json()).as_object();
  const auto& kv = json.at("kv_pool").as_object();
  const auto& categories = kv.at("paged_attention_categories").as_object();
  EXPECT_EQ(categories.at("of").as_string(), "bytes of the KV pool, weighted by time over the run");
  double sum = 0.0;
  for (const char* name : {"token_states", "reservation", "internal_fragmentation",
                           "external_fragmentation_and_others"}) {
    sum += categories.at(name).to_number<double>();
  }
  EXPECT_DOUBLE_EQ(sum, 1.0);
  EXPECT_DOUBLE_EQ(categories.at("token_states").to_number<double>(), 30.0 / 510.0);
  EXPECT_DOUBLE_EQ(kv.at("of_reserved").as_object().at("kv_waste_of_reserved").to_number<double>(),
                   0.625);
  EXPECT_EQ(json.at("latency").as_object().at("itl_ms").as_object().at("percentiles").as_string(),
            "exact");
}

// A slot of the engine's table that a new request has taken starts anew.
TEST_F(RunSummary, GapsDoNotSpanTwoRequestsOfOneSlot) {
  HandMadeRun run(scenario_, nullptr);
  Sequence& a = run.sequence(0, 5);
  Sequence& b = run.sequence(1, 5);
  run.step(at_ms(0), at_ms(10), step_of({prefill(a, 10, 10, true)}), {&a});
  run.step(at_ms(10), at_ms(30), step_of({prefill(b, 10, 10, true)}));
  run.step(at_ms(30), at_ms(37), step_of({decode(b, 11)}), {&b});
  run.end(at_ms(37), 0);
  EXPECT_EQ(run.value("mean_itl_ms"), "7");
  EXPECT_EQ(run.value("recomputed_tokens"), "0");
}

class RunInvariants : public testing::Test {
 protected:
  template <class Action>
  static std::string violated(const Action& action) {
    try {
      action();
    } catch (const InvariantViolation& violation) {
      const std::string text = violation.what();
      return text.substr(0, text.find(" ("));
    }
    return "nothing";
  }
  Scenario scenario_ = tiny_scenario();
  HandMadeRun run_{scenario_, nullptr};
};

TEST_F(RunInvariants, NoRequestIsLost) {
  run_.recorder().on_request_end(HandMadeRun::finished(0, 0, 1, 2));
  EXPECT_EQ(violated([&] { run_.end(at_ms(2), 2); }),
            "arrived = finished + rejected + cancelled + timed out + unfinished");
}

TEST_F(RunInvariants, InstantsOfARequestAreInOrder) {
  const std::string order = "arrival <= scheduled <= first token <= finished";
  EXPECT_EQ(violated([&] { run_.recorder().on_request_end(HandMadeRun::finished(0, 3, 2, 4)); }),
            order);
  EXPECT_EQ(violated([&] { run_.recorder().on_request_end(HandMadeRun::finished(0, 1, 5, 4)); }),
            order);
}

TEST_F(RunInvariants, WrittenIsWithinReserved) {
  EXPECT_EQ(
      violated([&] {
        run_.recorder().on_request_kv({RequestId{0}, EngineId{0}, at_ms(0), Bytes{2}, Bytes{1}});
      }),
      "written <= reserved");
  RequestRecord record = HandMadeRun::finished(0, 0, 1, 2);
  record.kv_peak_written = Bytes{1};
  EXPECT_EQ(violated([&] { run_.recorder().on_request_end(record); }), "written <= reserved");
}

TEST_F(RunInvariants, WhereTheTimeWentSumsToIt) {
  RequestRecord record = HandMadeRun::finished(0, 0, 1, 2);
  record.phases.stalled = Duration::picoseconds(1);
  EXPECT_EQ(violated([&] { run_.recorder().on_request_end(record); }),
            "where a request's time went sums to its time");
}

TEST_F(RunInvariants, TheLedgerSumsToTheCapacity) {
  UsageRecord record;
  record.ledger.capacity = Bytes{2};
  record.ledger.weights = Bytes{1};
  EXPECT_EQ(violated([&] { run_.recorder().on_usage(record); }), "the ledger sums to the capacity");
}

TEST_F(RunInvariants, TimeDoesNotRunBackwards) {
  run_.usage(at_ms(2), {});
  EXPECT_EQ(violated([&] { run_.usage(at_ms(1), {}); }),
            "the records of a device are in order of time");
}

}  // namespace
}  // namespace tessera
