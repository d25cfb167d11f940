#include "sim/metrics/throughput_series.hpp"

#include <algorithm>
#include <string>
#include <string_view>

#include "sim/metrics/memory_series.hpp"
#include "sim/metrics/ratio.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/core/decimal.hpp"
#include "tessera/metrics/output_folder.hpp"

namespace tessera {
namespace {

constexpr std::string_view columns =
    "time_s,engine,request_throughput,output_throughput,total_token_throughput,num_running,"
    "num_waiting,kv_reserved_bytes,kv_live_bytes,kv_wasted_bytes,kv_waste_of_reserved,"
    "kv_waste_of_pool,external_fragmentation";

void append_integer_cell(std::string& text, std::int64_t value) {
  text += ',';
  append_integer(text, value);
}

// Of all devices of an engine. A ratio with an empty denominator is an empty cell.
void append_kv(std::string& text, const std::vector<KvUsage>& devices) {
  Bytes reserved{0};
  Bytes live{0};
  Bytes wasted{0};
  Bytes total{0};
  Bytes free{0};
  Bytes largest_free{0};
  for (const KvUsage& kv : devices) {
    reserved += kv.reserved();
    live += kv.live;
    wasted += kv.wasted();
    total += kv.total();
    free += kv.free();
    largest_free += kv.largest_free;
  }
  append_integer_cell(text, reserved.count());
  append_integer_cell(text, live.count());
  append_integer_cell(text, wasted.count());
  text += ',';
  text += ratio_text(wasted.count(), (live + wasted).count());
  text += ',';
  text += ratio_text(wasted.count(), total.count());
  text += ',';
  text += ratio_text((free - largest_free).count(), free.count());
}

}  // namespace

ThroughputSeries::Deliveries& ThroughputSeries::Deliveries::operator+=(const Deliveries& other) {
  requests += other.requests;
  output_tokens += other.output_tokens;
  prompt_tokens += other.prompt_tokens;
  return *this;
}

ThroughputSeries::ThroughputSeries(Duration every, std::int64_t engines)
    : every_(every.picoseconds()),
      max_rows_(static_cast<std::size_t>(std::max<std::int64_t>(1, max_series_rows / engines / 2)) *
                2),
      engines_(static_cast<std::size_t>(engines)) {
  TESSERA_INVARIANT(every_ > 0, "a series has a distance between its rows");
  for (Engine& engine : engines_) {
    engine.close = every_;
  }
}

void ThroughputSeries::add_tokens(EngineId engine, SimTime time, const StepTokens& tokens) {
  at(engine, time).open += {0, tokens.sampled, tokens.prompts};
}

void ThroughputSeries::add_finished(EngineId engine, SimTime time) {
  at(engine, time).open += {1, 0, 0};
}

void ThroughputSeries::add_usage(const UsageRecord& record) {
  set_state(at(record.engine, record.time).state, record.device, record.ledger.kv, record.queues);
}

void ThroughputSeries::add_span(const SpanRecord& span) {
  Engine& engine = at(span.engine, span.start);
  const std::int64_t tokens = span.shape.sampled_sequences;
  const Int128 end = span.end.since_start().picoseconds();
  std::int64_t ended = 0;
  while (engine.close < end) {
    if (engine.rows.size() == max_rows_) {
      widen();
      continue;
    }
    const Int128 close = engine.close;
    const std::int64_t step = span.step_at(SimTime::at(Duration::picoseconds(close)));
    engine.open.output_tokens += (step - ended) * tokens;
    ended = step;
    set_state(engine.state, span.device, span.ledger_of(step).kv, span.queues);
    close_interval(engine, close);
  }
  engine.open += {0, (span.num_steps - ended) * tokens, span.first_prompts};
}

void ThroughputSeries::set_state(State& state, std::int64_t device, const KvUsage& kv,
                                 const QueueSizes& queues) {
  const auto index = static_cast<std::size_t>(device);
  state.kv.resize(std::max(state.kv.size(), index + 1));
  state.kv[index] = kv;
  state.queues = queues;
  state.known = true;
}

ThroughputSeries::Engine& ThroughputSeries::at(EngineId engine, SimTime time) {
  const auto index = static_cast<std::size_t>(number_of(engine));
  TESSERA_INVARIANT(index < engines_.size(), "an engine of the node");
  close_intervals(engines_[index], time.since_start().picoseconds());
  return engines_[index];
}

// Closes the intervals that end before `time`. An interval that would be a row too many stays open
// and becomes the first half of a longer one.
void ThroughputSeries::close_intervals(Engine& engine, Int128 time) {
  while (engine.close < time) {
    if (engine.rows.size() == max_rows_) {
      widen();
    } else {
      close_interval(engine, engine.close);
    }
  }
}

void ThroughputSeries::close_interval(Engine& engine, Int128 end) {
  engine.rows.push_back({engine.start, end, engine.open, engine.state});
  engine.start = end;
  engine.close = end + every_ * stride_;
  engine.open = {};
}

// All engines at once, so that the file keeps one grid.
void ThroughputSeries::widen() {
  stride_ *= 2;
  for (Engine& engine : engines_) {
    std::vector<Row>& rows = engine.rows;
    if (rows.size() % 2 == 1) {
      engine.start = rows.back().start;
      engine.open += rows.back().deliveries;
      rows.pop_back();
    }
    for (std::size_t pair = 0; pair < rows.size() / 2; ++pair) {
      Row joined = std::move(rows[2 * pair + 1]);
      joined.start = rows[2 * pair].start;
      joined.deliveries += rows[2 * pair].deliveries;
      rows[pair] = std::move(joined);
    }
    rows.resize(rows.size() / 2);
    engine.close = engine.start + every_ * stride_;
  }
}

void ThroughputSeries::finish(SimTime end) {
  const Int128 time = end.since_start().picoseconds();
  for (Engine& engine : engines_) {
    close_intervals(engine, time);
    while (engine.start < time && engine.rows.size() == max_rows_) {
      widen();
    }
  }
  for (Engine& engine : engines_) {
    if (engine.start < time) {
      close_interval(engine, time);
    }
  }
}

void ThroughputSeries::append_row(std::string& text, const Row& row, std::size_t engine) {
  const Int128 time = row.end - row.start;
  const Deliveries& got = row.deliveries;
  append_seconds(text, Duration::picoseconds(row.end));
  append_integer_cell(text, static_cast<std::int64_t>(engine));
  text += ',';
  text += rate_text(got.requests, time);
  text += ',';
  text += rate_text(got.output_tokens, time);
  text += ',';
  text += rate_text(got.output_tokens + got.prompt_tokens, time);
  if (!row.state.known) {
    text += ",,,,,,,,";
    return;
  }
  append_integer_cell(text, row.state.queues.running);
  append_integer_cell(text, row.state.queues.waiting + row.state.queues.swapped);
  append_kv(text, row.state.kv);
}

void ThroughputSeries::write(const std::filesystem::path& folder) const {
  RowWriter file(folder / "timeseries.csv", columns);
  std::size_t num_rows = 0;
  for (const Engine& engine : engines_) {
    num_rows = std::max(num_rows, engine.rows.size());
  }
  for (std::size_t row = 0; row < num_rows; ++row) {
    for (std::size_t engine = 0; engine < engines_.size(); ++engine) {
      append_row(file.row(), engines_[engine].rows[row], engine);
      file.row_done();
    }
  }
  file.close();
}

}  // namespace tessera
