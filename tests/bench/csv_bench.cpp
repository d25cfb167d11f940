// What recording costs: a row of each file, a step's statistics, and exact percentiles.
#include <benchmark/benchmark.h>

#include <deque>

#include "tessera/core/distribution.hpp"
#include "sim/metrics/iteration_rows.hpp"
#include "sim/metrics/request_rows.hpp"
#include "sim/metrics/step_rows.hpp"
#include "sim/metrics/step_totals.hpp"
#include "sim/metrics/usage_totals.hpp"
#include "tessera/core/random.hpp"
#include "tests/support/scenarios.hpp"
#include "tests/support/temporary_folder.hpp"

namespace tessera {
namespace {

// Instants with all their picoseconds, as costs of measured coefficients give them.
SimTime awkward_time(std::int64_t n) {
  return SimTime::at(Duration::picoseconds(Int128{123'456'789'013} * n));
}

RequestRecord a_record(std::int64_t id) {
  RequestRecord record;
  record.request = a_request(id, awkward_time(id).since_start(), Tokens{512}, Tokens{128});
  record.scheduled = awkward_time(id + 1);
  record.first_token = awkward_time(id + 3);
  record.ended = awkward_time(id + 200);
  record.output = Tokens{128};
  record.phases.queued_slot = *record.scheduled - record.request.arrival;
  record.phases.prefill = *record.first_token - *record.scheduled;
  record.phases.decode = record.ended - *record.first_token;
  record.kv_peak_written = Bytes{335'020'032};
  record.kv_peak_reserved = Bytes{335'544'320};
  record.kv_wasted_byte_picoseconds = Int128{4'194'304} * 123'456'789'013 * id;
  return record;
}

void request_rows(benchmark::State& state) {
  const TemporaryFolder room;
  RequestRows rows(room.path());
  std::int64_t id = 0;
  for (auto _ : state) {
    const RequestRecord record = a_record(id++);
    rows.add(UsualRequest(record));
  }
  rows.close();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(request_rows);

// A decode step of `size` sequences.
class DecodeStep {
 public:
  explicit DecodeStep(std::int64_t size) {
    for (std::int64_t i = 0; i < size; ++i) {
      Sequence& sequence = sequences_.emplace_back();
      sequence.request = a_request(100'000 + i, Duration{}, Tokens{512}, Tokens{128});
      sequence.kv.id = static_cast<SequenceId>(i);
      step_.entries.push_back({.sequence = &sequence,
                               .tokens = Tokens{1},
                               .context = Tokens{600},
                               .kind = EntryKind::decode,
                               .samples = true});
    }
    step_.tokens = Tokens{size};
    record_.step = &step_;
    record_.finished = &finished_;
    record_.free_blocks_after = record_.total_blocks = Blocks{2588};
    record_.free_blocks_after_schedule = Blocks{2588};
  }
  const StepRecord& next() {
    record_.start = record_.scheduled = awkward_time(record_.iteration);
    record_.end = awkward_time(++record_.iteration);
    return record_;
  }

 private:
  std::deque<Sequence> sequences_;
  std::vector<Sequence*> finished_;
  Step step_;
  StepRecord record_;
};

void step_rows(benchmark::State& state) {
  const TemporaryFolder room;
  StepRows rows(room.path(), EngineColumn::absent, 0);
  DecodeStep step(state.range(0));
  for (auto _ : state) {
    rows.add(step.next());
  }
  rows.close();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(step_rows)->Arg(1)->Arg(32);

void iteration_rows(benchmark::State& state) {
  const TemporaryFolder room;
  IterationRows rows(room.path(), 0);
  DecodeStep step(state.range(0));
  for (auto _ : state) {
    rows.add(step.next());
  }
  rows.close();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(iteration_rows)->Arg(32);

void step_statistics(benchmark::State& state) {
  StepTotals totals;
  DecodeStep step(state.range(0));
  for (auto _ : state) {
    totals.add(step.next());
  }
  benchmark::DoNotOptimize(totals.itl.mean());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(step_statistics)->Arg(1)->Arg(32)->Arg(256);

void usage_statistics(benchmark::State& state) {
  UsageTotals totals(64);
  UsageRecord record;
  record.ledger.capacity = record.ledger.kv.live = Bytes{15'843'721'216};
  std::int64_t n = 0;
  for (auto _ : state) {
    record.time = awkward_time(n++);
    totals.add(record);
  }
  benchmark::DoNotOptimize(totals.reserved());
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(usage_statistics);

void percentiles_of_a_million(benchmark::State& state) {
  RandomStream random(1, "latencies");
  std::vector<Duration> values;
  for (int i = 0; i < 1'000'000; ++i) {
    values.push_back(Duration::picoseconds(static_cast<std::int64_t>(random() >> 20U)));
  }
  for (auto _ : state) {
    Distribution distribution;
    for (const Duration value : values) {
      distribution.add(value);
    }
    benchmark::DoNotOptimize(distribution.percentile({99}));
  }
}
BENCHMARK(percentiles_of_a_million)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tessera
