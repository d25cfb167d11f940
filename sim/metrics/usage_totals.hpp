// What held the devices' memory, and where the requests were, weighted by time over the run.
// Integrals are exact: bytes × picoseconds, sequences × picoseconds.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "tessera/engine/recorder.hpp"

namespace tessera {

// Why no more requests ran, by what was seen at each moment.
enum class Limit {
  idle,         // nothing ran and nothing waited
  arrivals,     // some ran, none waited
  batch_limit,  // some waited, and as many ran as may
  admission     // some waited although fewer ran than may: for memory, or for the step's tokens
};
template <>
struct EnumNames<Limit> {
  static constexpr std::array<std::string_view, 4> names{"idle", "arrivals", "batch_limit",
                                                         "admission"};
};
inline constexpr std::size_t num_limits = EnumNames<Limit>::names.size();

class UsageTotals {
 public:
  explicit UsageTotals(std::int64_t max_num_seqs) : max_num_seqs_(max_num_seqs) {}

  // Precondition: records of one device come in order of time.
  void add(const UsageRecord& record);
  // What the span leaves is told by the record that follows at its end. Inline, as all that is done
  // for each of the spans of a run.
  void add(const SpanRecord& span);
  // Accounts for what is held up to the end of the run. Call once.
  void finish(SimTime end);

  // ∫ of each ledger class, in the order of DeviceLedger::class_names, over all devices.
  [[nodiscard]] Int128 class_integral(std::size_t index) const { return classes_[index]; }
  [[nodiscard]] Int128 outside() const { return outside_; }
  [[nodiscard]] Int128 capacity() const { return capacity_; }
  [[nodiscard]] Int128 pool() const { return pool_; }
  [[nodiscard]] Int128 reserved() const { return reserved_; }
  [[nodiscard]] Int128 wasted() const { return wasted_; }
  [[nodiscard]] Int128 free() const { return free_; }
  [[nodiscard]] Int128 largest_free() const { return largest_free_; }
  [[nodiscard]] Int128 running() const { return running_; }
  [[nodiscard]] Int128 waiting() const { return waiting_; }
  // Picoseconds, over all engines.
  [[nodiscard]] Int128 time_at(Limit limit) const {
    return limits_[static_cast<std::size_t>(limit)];
  }
  [[nodiscard]] Int128 engine_time() const;
  [[nodiscard]] std::int64_t max_running() const { return max_running_; }
  // Of all devices together, at one moment.
  [[nodiscard]] Bytes peak_reserved() const { return peak_reserved_; }

 private:
  // ∫ over the spans of a device of what differs from the ledger that each begins with.
  struct InSpans {
    DeviceLedger idle;
    Bytes idle_reserved{0};
    Int128 time = 0;  // of those that tell of an idle ledger
    Int128 workspace = 0;
    Int128 live = 0;
    Int128 reserved = 0;
    Int128 never = 0;
    Int128 pad = 0;
    Int128 unguarded = 0;
  };
  // What a device holds from some time on.
  struct Device {
    EngineId engine{};
    std::int64_t device = 0;
    SimTime since;
    DeviceLedger ledger;
    QueueSizes queues;
    Bytes reserved{0};
    InSpans in_spans;
  };

  Device& device_at(EngineId engine, std::int64_t device, SimTime time);
  Device& device_of(const SpanRecord& span);
  void accumulate(Device& device, SimTime time);
  void accumulate(const DeviceLedger& ledger, Int128 time);
  void accumulate_spans(const InSpans& sums);
  void accumulate_queues(const QueueSizes& queues, Int128 time);
  void change_reserved(Device& device, Bytes reserved) {
    reserved_now_ += reserved - device.reserved;
    device.reserved = reserved;
    peak_reserved_ = std::max(peak_reserved_, reserved_now_);
  }
  [[nodiscard]] Limit limit_of(const QueueSizes& queues) const {
    if (queues.waiting + queues.swapped == 0) {
      return queues.running == 0 ? Limit::idle : Limit::arrivals;
    }
    return queues.running >= max_num_seqs_ ? Limit::batch_limit : Limit::admission;
  }

  std::int64_t max_num_seqs_;
  std::vector<Device> current_;
  std::array<Int128, DeviceLedger::num_classes> classes_{};
  Int128 outside_ = 0;
  Int128 capacity_ = 0;
  Int128 pool_ = 0;
  Int128 reserved_ = 0;
  Int128 wasted_ = 0;
  Int128 free_ = 0;
  Int128 largest_free_ = 0;
  Int128 running_ = 0;
  Int128 waiting_ = 0;
  std::array<Int128, num_limits> limits_{};
  std::int64_t max_running_ = 0;
  Bytes reserved_now_{0};
  Bytes peak_reserved_{0};
};

inline UsageTotals::Device& UsageTotals::device_of(const SpanRecord& span) {
  if (!current_.empty()) {
    Device& first = current_.front();
    if (first.since == span.start && first.engine == span.engine && first.device == span.device) {
      return first;
    }
  }
  return device_at(span.engine, span.device, span.start);
}

inline void UsageTotals::accumulate_queues(const QueueSizes& queues, Int128 time) {
  running_ += time * queues.running;
  waiting_ += time * (queues.waiting + queues.swapped);
  limits_[static_cast<std::size_t>(limit_of(queues))] += time;
}

inline void UsageTotals::add(const SpanRecord& span) {
  Device& device = device_of(span);
  max_running_ = std::max(max_running_, span.queues.running);
  // 64 bits hold the time of a span.
  const auto time = static_cast<std::int64_t>((span.end - span.start).picoseconds());
  InSpans& sums = device.in_spans;
  Bytes reserved = span.reserved + span.block * span.num_taken;
  if (span.own_ledger) {
    accumulate(*span.idle, time);
    reserved += span.idle->kv.reserved();
  } else {
    if (sums.time == 0) {
      sums.idle = *span.idle;
      sums.idle_reserved = sums.idle.kv.reserved();
    }
    sums.time += time;
    reserved += sums.idle_reserved;
  }
  change_reserved(device, reserved);
  sums.workspace += Int128{time} * span.workspace_used.count();
  sums.live += Int128{time} * span.live.count();
  sums.reserved += Int128{time} * span.reserved.count();
  sums.never += Int128{time} * span.never.count();
  if (span.unguarded > Bytes{0}) {
    sums.unguarded += Int128{time} * span.unguarded.count();
  }
  if (span.num_steps > 1) {
    sums.live += span.step_moment * span.live_growth.count();
    if (span.num_taken > 0) {
      sums.reserved += span.taken_moment * span.block.count();
      sums.never += span.never_moment;
    }
    if (span.pad_growth > Bytes{0}) {
      sums.pad += span.step_moment * span.pad_growth.count();
    }
  }
  if (span.device == 0) {
    accumulate_queues(span.queues, time);
  }
  device.since = span.end;
}

// The place of a ledger class in DeviceLedger::class_names. Precondition: there is one.
[[nodiscard]] std::size_t class_index(std::string_view name);

// Sums of integers divided by time, rounded to whole bytes so that the rounded parts still sum to
// the rounded whole (largest remainders first, ties in order). Precondition: time > 0.
[[nodiscard]] std::array<Bytes, DeviceLedger::num_classes> mean_classes(const UsageTotals& totals,
                                                                        Duration time);

}  // namespace tessera
