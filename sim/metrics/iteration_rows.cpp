#include "sim/metrics/iteration_rows.hpp"

#include <utility>

#include "sim/metrics/row_text.hpp"
#include "tessera/scheduling/step.hpp"

namespace tessera {
namespace {

constexpr std::string_view iteration_columns =
    "iteration,engine,start_s,end_s,batch_size,prefill_tokens,decode_tokens,context_tokens,"
    "num_running,num_waiting,num_preempted,free_blocks,compute_ms,memory_ms,overhead_ms,link_ms";

std::int64_t batch_size(const Step& step) {
  std::int64_t size = 0;
  for (const StepEntry& entry : step.entries) {
    size += entry.withdrawn ? 0 : 1;
  }
  return size;
}

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

SpanIterations::SpanIterations(const StepRecord& record)
    : current_{
          .number = record.iteration,
          .engine = record.engine,
          .start = record.start,
          .end = record.end,
          .time = record.time,
          .batch_size = batch_size(*record.step),
          .prefill_tokens = record.shape.prefill_tokens.count(),
          .decode_tokens = record.shape.decode_sequences,
          .context_tokens = (record.shape.prefill_context + record.shape.decode_context).count(),
          .queues = queues_after(record.before, *record.step),
          .num_preempted = static_cast<std::int64_t>(record.step->preempted.size()),
          .free_blocks = record.free_blocks_after_schedule} {}

SpanIterations::SpanIterations(const SpanRecord& span)
    : current_{.number = span.first_iteration,
               .engine = span.engine,
               .start = span.start,
               .end = span.start_of(1),
               .time = span.time_of(0),
               .batch_size = span.shape.prefill_sequences + span.shape.decode_sequences,
               .prefill_tokens = span.shape.prefill_tokens.count(),
               .decode_tokens = span.shape.decode_sequences,
               .context_tokens = (span.shape.prefill_context + span.shape.decode_context).count(),
               .queues = span.queues,
               .num_preempted = span.num_preempted,
               .free_blocks = span.free_blocks},
      left_(span.num_steps - 1),
      longer_(span.longer()),
      more_context_(span.shape.decode_sequences) {
  if (left_ > 0) {
    taken_.assign(span.taken.begin(), span.taken.end());
  }
}

bool SpanIterations::next() {
  if (left_ == 0) {
    return false;
  }
  --left_;
  ++current_.number;
  current_.time += longer_;
  current_.start = current_.end;
  current_.end = current_.start + current_.time.total();
  current_.context_tokens += more_context_;
  if (current_.free_blocks && !taken_.empty()) {
    const auto size = static_cast<std::int64_t>(taken_.size());
    *current_.free_blocks -= Blocks{taken_[static_cast<std::size_t>(current_.number % size)]};
  }
  return true;
}

IterationRows::IterationRows(const std::filesystem::path& folder, std::int64_t overlapping_engines)
    : file_(folder / "iterations.csv", iteration_columns) {
  if (overlapping_engines > 0) {
    in_order_.emplace(overlapping_engines);
  }
}

void IterationRows::add(const StepRecord& record) {
  add(record.engine, record.end, SpanIterations(record));
}

void IterationRows::add(const SpanRecord& span) {
  add(span.engine, span.end, SpanIterations(span));
}

void IterationRows::add(EngineId engine, SimTime end, SpanIterations iterations) {
  if (in_order_) {
    in_order_->add(engine, std::move(iterations));
    know_until(engine, end);
    return;
  }
  do {
    write_iteration(file_, iterations.current());
  } while (iterations.next());
}

void IterationRows::know_until(EngineId engine, SimTime time) {
  if (in_order_) {
    in_order_->know_until(engine, time, [this](const SpanIterations& iterations) {
      write_iteration(file_, iterations.current());
    });
  }
}

void IterationRows::close() {
  if (in_order_) {
    in_order_->finish(
        [this](const SpanIterations& iterations) { write_iteration(file_, iterations.current()); });
  }
  file_.close();
}

}  // namespace tessera
