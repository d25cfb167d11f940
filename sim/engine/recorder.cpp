#include "tessera/engine/recorder.hpp"

#include <numeric>

#include "tessera/core/contract.hpp"

namespace tessera {

SimTime SpanRecord::start_of(std::int64_t n) const {
  return start + Duration::picoseconds(durations.sum(n));
}

StepTime SpanRecord::time_of(std::int64_t n) const {
  return *common + times_price(priced_context + n * shape.decode_sequences);
}

StepTime SpanRecord::times_price(std::int64_t context) const {
  return {context_price->compute * context, context_price->memory * context,
          context_price->overhead * context, context_price->link * context};
}

std::int64_t SpanRecord::taken_by(std::int64_t n) const {
  const auto size = static_cast<std::int64_t>(taken.size());
  return size == 0 ? 0 : taken[static_cast<std::size_t>((first_iteration + n) % size)];
}

std::int64_t SpanRecord::taken_until(std::int64_t n) const {
  if (taken.empty()) {
    return 0;
  }
  const auto size = static_cast<std::int64_t>(taken.size());
  std::int64_t sum = n / size * std::accumulate(taken.begin(), taken.end(), std::int64_t{0});
  for (std::int64_t step = 1; step <= n % size; ++step) {
    sum += taken_by(step);
  }
  return sum;
}

Bytes SpanRecord::never_in(std::int64_t n) const {
  Bytes sum = never;
  for (const LastBlock& last : last_blocks) {
    sum += last.step <= n ? last.never : Bytes{0};
  }
  return sum;
}

DeviceLedger SpanRecord::ledger_of(std::int64_t n) const {
  const Bytes live_then = live + live_growth * n;
  const Bytes pad_then = pad_growth * n;
  const Bytes reserved_then = reserved + block * taken_until(n);
  const Bytes never_then = never_in(n);
  DeviceLedger then = *idle;
  then.workspace_used += workspace_used;
  then.workspace_idle -= workspace_used;
  then.kv.live += live_then;
  then.kv.pad += pad_then;
  then.kv.reserved_never += never_then;
  then.kv.reserved_future += reserved_then - live_then - pad_then - never_then;
  then.kv.withheld -= unguarded;
  then.kv.free_usable += unguarded - reserved_then;
  then.kv.largest_free += unguarded - reserved_then;
  return then;
}

StepRecord SpanRecord::record_of(std::int64_t n) const {
  static const std::vector<Sequence*> nobody;
  const bool is_last = n + 1 == num_steps;
  StepRecord record;
  record.engine = engine;
  record.iteration = first_iteration + n;
  record.scheduled = record.start = start_of(n);
  record.end = is_last ? end : start_of(n + 1);
  record.time = time_of(n);
  record.step = repeated;
  record.shape = shape;
  record.shape.decode_context += Tokens{n * shape.decode_sequences};
  record.finished = is_last ? finished : &nobody;
  record.before = queues;
  record.after = is_last ? after : queues;
  if (free_blocks) {
    record.free_blocks_after_schedule = *free_blocks - Blocks{taken_until(n)};
  }
  record.free_blocks_after = is_last ? free_blocks_after : record.free_blocks_after_schedule;
  record.total_blocks = total_blocks;
  return record;
}

UsageRecord SpanRecord::usage_of(std::int64_t n) const {
  return {.engine = engine,
          .device = device,
          .time = start_of(n),
          .ledger = ledger_of(n),
          .queues = queues};
}

std::int64_t SpanRecord::step_at(SimTime instant) const {
  TESSERA_INVARIANT(start <= instant && instant < end, "the time lies in the span");
  // The fewest steps that end after it, less one.
  const Duration later = instant - start + Duration::picoseconds(1);
  return durations.terms_to_last(later, num_steps) - 1;
}

}  // namespace tessera
