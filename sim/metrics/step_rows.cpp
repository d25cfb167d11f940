#include "sim/metrics/step_rows.hpp"

#include <utility>

#include "tessera/core/decimal.hpp"

namespace tessera {
namespace {

constexpr std::string_view step_columns =
    "step,clock_start_s,clock_end_s,num_running_before,num_waiting_before,scheduled,preempted,"
    "finished,free_blocks_after,total_blocks,cached_hit_tokens,num_swapped_before,admitted,"
    "swapped_in,swapped_out,free_blocks_after_schedule,num_running_after,num_waiting_after,"
    "num_tokens,hits,ignored,sched_s";
constexpr std::size_t trace_decimals = 7;

std::string step_header(EngineColumn engine_column) {
  std::string header(step_columns);
  if (engine_column == EngineColumn::last) {
    header += ",engine";
  }
  return header;
}

void append_count(std::string& row, std::int64_t count) {
  append_integer(row, count);
  row += ',';
}

void append_blocks(std::string& row, const std::optional<Blocks>& blocks) {
  if (blocks) {
    append_integer(row, blocks->count());
  }
  row += ',';
}

// Exact text, filled up with zeros to the traces' seven decimals.
void append_clock(std::string& row, SimTime time) {
  const std::size_t start = row.size();
  append_seconds(row, time.since_start());
  std::size_t point = row.find('.', start);
  if (point == std::string::npos) {
    point = row.size();
    row += '.';
  }
  const std::size_t decimals = row.size() - point - 1;
  if (decimals < trace_decimals) {
    row.append(trace_decimals - decimals, '0');
  }
}

void append_ids(std::string& row, const std::vector<Sequence*>& sequences) {
  bool first = true;
  for (const Sequence* sequence : sequences) {
    if (!first) {
      row += ';';
    }
    first = false;
    row += sequence->name();
  }
  row += ',';
}

void append_scheduled(std::string& row, const std::vector<StepEntry>& entries) {
  bool first = true;
  for (const StepEntry& entry : entries) {
    if (entry.withdrawn) {
      continue;
    }
    if (!first) {
      row += ';';
    }
    first = false;
    row += entry.sequence->name();
    row += ':';
    append_integer(row, (entry.tokens + entry.cached).count());
    row += entry.kind == EntryKind::prefill ? ":p" : entry.kind == EntryKind::decode ? ":d" : ":x";
  }
  row += ',';
}

void append_hits(std::string& row, const std::vector<CacheHit>& hits) {
  bool first = true;
  for (const CacheHit& hit : hits) {
    if (!first) {
      row += ';';
    }
    first = false;
    row += hit.sequence->name();
    row += ':';
    append_integer(row, hit.tokens.count());
  }
  row += ',';
}

Tokens hit_tokens(const std::vector<CacheHit>& hits) {
  Tokens sum{0};
  for (const CacheHit& hit : hits) {
    sum += hit.tokens;
  }
  return sum;
}

}  // namespace

StepRows::StepRows(const std::filesystem::path& folder, EngineColumn engine_column,
                   std::int64_t overlapping_engines)
    : file_(folder / "steps.csv", step_header(engine_column)), engine_column_(engine_column) {
  if (overlapping_engines > 0) {
    in_order_.emplace(overlapping_engines);
  }
}

void StepRows::add(const StepRecord& record) {
  scheduled_.clear();
  append_scheduled(scheduled_, record.step->entries);
  write(record);
}

// What is scheduled, most of a row, is the same in all of them.
void StepRows::add(const SpanRecord& span) {
  scheduled_.clear();
  append_scheduled(scheduled_, span.repeated->entries);
  for (std::int64_t n = 0; n < span.num_steps; ++n) {
    write(span.record_of(n));
  }
}

void StepRows::write(const StepRecord& record) {
  if (in_order_) {
    Row row{record.end, {}};
    append(row.text, record);
    in_order_->add(record.engine, std::move(row));
    know_until(record.engine, record.end);
    return;
  }
  append(file_.row(), record);
  file_.row_done();
}

void StepRows::know_until(EngineId engine, SimTime time) {
  if (in_order_) {
    in_order_->know_until(engine, time, [this](const Row& row) { file_.add(row.text); });
  }
}

void StepRows::close() {
  if (in_order_) {
    in_order_->finish([this](const Row& row) { file_.add(row.text); });
  }
  file_.close();
}

void StepRows::append(std::string& row, const StepRecord& record) const {
  const Step& step = *record.step;
  append_count(row, record.iteration);
  append_clock(row, record.start);
  row += ',';
  append_clock(row, record.end);
  row += ',';
  append_count(row, record.before.running);
  append_count(row, record.before.waiting);
  row += scheduled_;
  append_ids(row, step.preempted);
  append_ids(row, *record.finished);
  append_blocks(row, record.free_blocks_after);
  append_blocks(row, record.total_blocks);
  append_count(row, hit_tokens(step.hits).count());
  append_count(row, record.before.swapped);
  append_ids(row, step.admitted);
  append_ids(row, step.swapped_in);
  append_ids(row, step.swapped_out);
  append_blocks(row, record.free_blocks_after_schedule);
  append_count(row, record.after.running);
  append_count(row, record.after.waiting);
  append_count(row, (step.tokens + step.cached).count());
  append_hits(row, step.hits);
  row += ',';  // ignored: a request that can never fit is rejected before it is queued
  append_clock(row, record.scheduled);
  if (engine_column_ == EngineColumn::last) {
    row += ',';
    append_integer(row, number_of(record.engine));
  }
}

}  // namespace tessera
