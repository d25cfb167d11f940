#include "sim/metrics/usage_totals.hpp"

#include <algorithm>
#include <numeric>

#include "tessera/core/contract.hpp"

namespace tessera {
void UsageTotals::add(const UsageRecord& record) {
  Device& device = device_at(record.engine, record.device, record.time);
  max_running_ = std::max(max_running_, record.queues.running);
  change_reserved(device, record.ledger.kv.reserved());
  device.ledger = record.ledger;
  device.queues = record.queues;
}

void UsageTotals::finish(SimTime end) {
  for (Device& device : current_) {
    static_cast<void>(device_at(device.engine, device.device, end));
  }
  add_differences();
}

Int128 UsageTotals::engine_time() const {
  return std::accumulate(limits_.begin(), limits_.end(), Int128{0});
}

// Accounts for what the device has held up to `time`.
UsageTotals::Device& UsageTotals::device_at(EngineId engine, std::int64_t device, SimTime time) {
  for (Device& known : current_) {
    if (known.engine == engine && known.device == device) {
      if (known.since != time) {
        accumulate(known, time);
      }
      return known;
    }
  }
  Device& fresh = current_.emplace_back();
  fresh.engine = engine;
  fresh.device = device;
  fresh.since = time;
  return fresh;
}

void UsageTotals::accumulate(Device& device, SimTime time) {
  TESSERA_INVARIANT(time >= device.since, "the records of a device are in order of time");
  const Int128 passed = (time - device.since).picoseconds();
  accumulate(device.ledger, passed);
  if (device.device == 0) {
    accumulate_queues(device.queues, passed);
  }
  device.since = time;
}

void UsageTotals::accumulate(const DeviceLedger& ledger, Int128 time) {
  const auto classes = ledger.classes();
  for (std::size_t i = 0; i < classes.size(); ++i) {
    classes_[i] += time * classes[i].count();
  }
  outside_ += time * ledger.outside.count();
  capacity_ += time * ledger.capacity.count();
  pool_ += time * ledger.kv.total().count();
  reserved_ += time * ledger.kv.reserved().count();
  wasted_ += time * ledger.kv.wasted().count();
  free_ += time * ledger.kv.free().count();
  largest_free_ += time * ledger.kv.largest_free.count();
}

void UsageTotals::accumulate_queues(const QueueSizes& queues, Int128 time) {
  running_ += time * queues.running;
  waiting_ += time * (queues.waiting + queues.swapped);
  limits_[static_cast<std::size_t>(limit_of(queues, max_num_seqs_))] += time;
}

void UsageTotals::add(const SpanRecord& span) {
  Device& device = device_at(span.engine, span.device, span.start);
  max_running_ = std::max(max_running_, span.queues.running);
  change_reserved(device, span.idle->kv.reserved() + span.reserved + span.block * span.num_taken);
  const Int128 time = (span.end - span.start).picoseconds();
  accumulate(*span.idle, time);
  differences_.workspace += time * span.workspace_used.count();
  differences_.live += time * span.live.count() + span.step_moment * span.live_growth.count();
  differences_.reserved += time * span.reserved.count() + span.taken_moment * span.block.count();
  differences_.never += time * span.never.count() + span.never_moment;
  differences_.unguarded += time * span.unguarded.count();
  pad_ += span.step_moment * span.pad_growth.count();
  if (span.device == 0) {
    accumulate_queues(span.queues, time);
  }
  device.since = span.end;
}

// While it was not idle, it was said to be.
void UsageTotals::add(const SpanSums& sums) {
  TESSERA_INVARIANT(sums.live >= 0 && sums.never >= 0 && sums.live + sums.never <= sums.reserved,
                    "written <= reserved");
  TESSERA_INVARIANT(sums.workspace >= 0 && sums.unguarded >= 0,
                    "nothing is held less than nothing");
  differences_.workspace += sums.workspace;
  differences_.live += sums.live;
  differences_.reserved += sums.reserved;
  differences_.never += sums.never;
  differences_.unguarded += sums.unguarded;
  running_ += sums.running;
  waiting_ += sums.waiting;
  max_running_ = std::max(max_running_, sums.max_running);
  peak_reserved_ = std::max(peak_reserved_, sums.peak_reserved);
  for (std::size_t i = 0; i < limits_.size(); ++i) {
    limits_[i] += sums.time_at[i];
    limits_[static_cast<std::size_t>(Limit::idle)] -= sums.time_at[i];
  }
}

void UsageTotals::add_differences() {
  const SpanSums& sums = differences_;
  classes_[class_index("workspace_used")] += sums.workspace;
  classes_[class_index("workspace_idle")] -= sums.workspace;
  classes_[class_index("kv_live")] += sums.live;
  classes_[class_index("kv_reserved_never")] += sums.never;
  classes_[class_index("kv_pad")] += pad_;
  classes_[class_index("kv_reserved_future")] += sums.reserved - sums.live - sums.never - pad_;
  classes_[class_index("withheld")] -= sums.unguarded;
  classes_[class_index("free_usable")] += sums.unguarded - sums.reserved;
  reserved_ += sums.reserved;
  wasted_ += sums.reserved - sums.live;
  free_ += sums.unguarded - sums.reserved;
  largest_free_ += sums.unguarded - sums.reserved;
}

std::size_t class_index(std::string_view name) {
  const auto& names = DeviceLedger::class_names;
  const auto found = std::find(names.begin(), names.end(), name);
  TESSERA_INVARIANT(found != names.end(), "a class of the ledger");
  return static_cast<std::size_t>(found - names.begin());
}

std::array<Bytes, DeviceLedger::num_classes> mean_classes(const UsageTotals& totals,
                                                          Duration time) {
  const Int128 divisor = time.picoseconds();
  TESSERA_INVARIANT(divisor > 0, "a mean over time needs time");
  std::array<Bytes, DeviceLedger::num_classes> means;
  std::array<Int128, DeviceLedger::num_classes> remainders{};
  std::array<std::size_t, DeviceLedger::num_classes> order{};
  Int128 left = (2 * totals.capacity() + divisor) / (2 * divisor);
  for (std::size_t i = 0; i < means.size(); ++i) {
    const Int128 integral = totals.class_integral(i);
    means[i] = Bytes{static_cast<std::int64_t>(integral / divisor)};
    remainders[i] = integral % divisor;
    order[i] = i;
    left -= means[i].count();
  }
  std::stable_sort(order.begin(), order.end(), [&remainders](std::size_t a, std::size_t b) {
    return remainders[a] > remainders[b];
  });
  for (std::size_t i = 0; left > 0; ++i, --left) {
    ++means[order[i]];
  }
  return means;
}

}  // namespace tessera
