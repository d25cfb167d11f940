#include "sim/metrics/usage_totals.hpp"

#include <algorithm>
#include <numeric>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

Limit limit_of(const QueueSizes& queues, std::int64_t max_num_seqs) {
  if (queues.waiting + queues.swapped == 0) {
    return queues.running == 0 ? Limit::idle : Limit::arrivals;
  }
  return queues.running >= max_num_seqs ? Limit::batch_limit : Limit::admission;
}

}  // namespace

void UsageTotals::add(const UsageRecord& record) {
  max_running_ = std::max(max_running_, record.queues.running);
  reserved_now_ += record.ledger.kv.reserved();
  for (UsageRecord& state : current_) {
    if (state.engine == record.engine && state.device == record.device) {
      TESSERA_INVARIANT(record.time >= state.time, "the records of a device are in order of time");
      accumulate(state, record.time);
      reserved_now_ -= state.ledger.kv.reserved();
      peak_reserved_ = std::max(peak_reserved_, reserved_now_);
      state = record;
      return;
    }
  }
  peak_reserved_ = std::max(peak_reserved_, reserved_now_);
  current_.push_back(record);
}

void UsageTotals::finish(SimTime end) {
  for (UsageRecord& state : current_) {
    TESSERA_INVARIANT(end >= state.time, "a run ends after its last record");
    accumulate(state, end);
    state.time = end;
  }
}

Int128 UsageTotals::engine_time() const {
  return std::accumulate(limits_.begin(), limits_.end(), Int128{0});
}

void UsageTotals::accumulate(const UsageRecord& state, SimTime until) {
  const Int128 time = (until - state.time).picoseconds();
  if (time == 0) {
    return;
  }
  const DeviceLedger& ledger = state.ledger;
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
  if (state.device == 0) {
    accumulate_queues(state.queues, time);
  }
}

void UsageTotals::accumulate_queues(const QueueSizes& queues, Int128 time) {
  running_ += time * queues.running;
  waiting_ += time * (queues.waiting + queues.swapped);
  limits_[static_cast<std::size_t>(limit_of(queues, max_num_seqs_))] += time;
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
