#include "sim/metrics/step_rows.hpp"

#include "sim/metrics/row_text.hpp"
#include "tessera/core/decimal.hpp"

namespace tessera {
namespace {

constexpr std::string_view iteration_columns =
    "iteration,engine,start_s,end_s,batch_size,prefill_tokens,decode_tokens,context_tokens,"
    "num_running,num_waiting,num_preempted,free_blocks,compute_ms,memory_ms,overhead_ms,link_ms";
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

std::int64_t batch_size(const Step& step) {
  std::int64_t size = 0;
  for (const StepEntry& entry : step.entries) {
    size += entry.withdrawn ? 0 : 1;
  }
  return size;
}

// What a row of iterations.csv tells.
struct Iteration {
  std::int64_t number = 0;
  EngineId engine{};
  SimTime start;
  SimTime end;
  StepTime time;
  std::int64_t batch_size = 0;
  std::int64_t prefill_tokens = 0;
  std::int64_t decode_tokens = 0;
  std::int64_t context_tokens = 0;
  QueueSizes queues;  // as its decisions left them
  std::int64_t num_preempted = 0;
  std::optional<Blocks> free_blocks;
};

QueueSizes queues_after(const QueueSizes& before, const Step& step) {
  const auto admitted = static_cast<std::int64_t>(step.admitted.size());
  const auto preempted = static_cast<std::int64_t>(step.preempted.size());
  const auto swapped_in = static_cast<std::int64_t>(step.swapped_in.size());
  const auto swapped_out = static_cast<std::int64_t>(step.swapped_out.size());
  return {.running = before.running + admitted + swapped_in - preempted,
          .waiting = before.waiting - admitted + preempted - swapped_out};
}

void write_iteration(RowWriter& file, const Iteration& iteration) {
  RowText row(file);
  row.count(iteration.number);
  row.count(number_of(iteration.engine));
  row.instant(iteration.start);
  row.instant(iteration.end);
  row.count(iteration.batch_size);
  row.count(iteration.prefill_tokens);
  row.count(iteration.decode_tokens);
  row.count(iteration.context_tokens);
  row.count(iteration.queues.running);
  row.count(iteration.queues.waiting);
  row.count(iteration.num_preempted);
  row.blocks(iteration.free_blocks);
  row.latency(iteration.time.compute);
  row.latency(iteration.time.memory);
  row.latency(iteration.time.overhead);
  row.latency(iteration.time.link);
  row.end();
  file.flush_if_full();
}

}  // namespace

IterationRows::IterationRows(const std::filesystem::path& folder)
    : file_(folder / "iterations.csv", iteration_columns) {}

void IterationRows::add(const StepRecord& record) {
  const StepShape& shape = record.shape;
  write_iteration(file_, {.number = record.iteration,
                          .engine = record.engine,
                          .start = record.start,
                          .end = record.end,
                          .time = record.time,
                          .batch_size = batch_size(*record.step),
                          .prefill_tokens = shape.prefill_tokens.count(),
                          .decode_tokens = shape.decode_sequences,
                          .context_tokens = (shape.prefill_context + shape.decode_context).count(),
                          .queues = queues_after(record.before, *record.step),
                          .num_preempted = static_cast<std::int64_t>(record.step->preempted.size()),
                          .free_blocks = record.free_blocks_after_schedule});
}

void IterationRows::add(const SpanRecord& span) {
  const StepShape& shape = span.shape;
  Iteration row{.number = span.first_iteration,
                .engine = span.engine,
                .start = span.start,
                .end = span.start,
                .time = span.time_of(0),
                .batch_size = shape.prefill_sequences + shape.decode_sequences,
                .prefill_tokens = shape.prefill_tokens.count(),
                .decode_tokens = shape.decode_sequences,
                .context_tokens = (shape.prefill_context + shape.decode_context).count(),
                .queues = span.queues,
                .num_preempted = span.num_preempted,
                .free_blocks = span.free_blocks};
  const StepTime longer = span.longer();
  for (std::int64_t step = 0; step < span.num_steps; ++step) {
    row.start = row.end;
    row.end = row.start + row.time.total();
    write_iteration(file_, row);
    ++row.number;
    row.time += longer;
    row.context_tokens += shape.decode_sequences;
    if (row.free_blocks && step + 1 < span.num_steps) {
      *row.free_blocks -= Blocks{span.taken_by(step + 1)};
    }
  }
}

StepRows::StepRows(const std::filesystem::path& folder, EngineColumn engine_column)
    : file_(folder / "steps.csv", step_header(engine_column)), engine_column_(engine_column) {}

void StepRows::add(const StepRecord& record) {
  const Step& step = *record.step;
  std::string& row = file_.row();
  append_count(row, record.iteration);
  append_clock(row, record.start);
  row += ',';
  append_clock(row, record.end);
  row += ',';
  append_count(row, record.before.running);
  append_count(row, record.before.waiting);
  append_scheduled(row, step.entries);
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
  file_.row_done();
}

}  // namespace tessera
