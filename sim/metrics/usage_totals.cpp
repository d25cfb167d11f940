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
    accumulate_spans(device.in_spans);
  }
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

// As if each of its ledgers had been accumulated.
void UsageTotals::accumulate_spans(const InSpans& sums) {
  accumulate(sums.idle, sums.time);
  classes_[class_index("workspace_used")] += sums.workspace;
  classes_[class_index("workspace_idle")] -= sums.workspace;
  classes_[class_index("kv_live")] += sums.live;
  classes_[class_index("kv_reserved_never")] += sums.never;
  classes_[class_index("kv_pad")] += sums.pad;
  classes_[class_index("kv_reserved_future")] += sums.reserved - sums.live - sums.never - sums.pad;
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
