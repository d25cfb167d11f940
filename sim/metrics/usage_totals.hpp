// What held the devices' memory, and where the requests were, weighted by time over the run.
// Integrals are exact: bytes × picoseconds, sequences × picoseconds.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tessera/engine/recorder.hpp"

namespace tessera {

class UsageTotals {
 public:
  explicit UsageTotals(std::int64_t max_num_seqs) : max_num_seqs_(max_num_seqs) {}

  // Precondition: records of one device come in order of time.
  void add(const UsageRecord& record);
  // What the span leaves is told by the record that follows at its end.
  void add(const SpanRecord& span);
  // Of an engine whose records tell of its idle ledger alone. Call once for each.
  void add(const SpanSums& sums);
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
  // What a device holds from some time on.
  struct Device {
    EngineId engine{};
    std::int64_t device = 0;
    SimTime since;
    DeviceLedger ledger;
    QueueSizes queues;
    Bytes reserved{0};
  };

  Device& device_at(EngineId engine, std::int64_t device, SimTime time);
  void accumulate(Device& device, SimTime time);
  void accumulate(const DeviceLedger& ledger, Int128 time);
  void add_differences();
  void accumulate_queues(const QueueSizes& queues, Int128 time);
  void change_reserved(Device& device, Bytes reserved) {
    reserved_now_ += reserved - device.reserved;
    device.reserved = reserved;
    peak_reserved_ = std::max(peak_reserved_, reserved_now_);
  }

  std::int64_t max_num_seqs_;
  std::vector<Device> current_;
  std::array<Int128, DeviceLedger::num_classes> classes_{};
  SpanSums differences_;  // of spans, between what they held and the ledgers that they began with
  Int128 pad_ = 0;        // ∫ of it in spans
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

// The place of a ledger class in DeviceLedger::class_names. Precondition: there is one.
[[nodiscard]] std::size_t class_index(std::string_view name);

// Sums of integers divided by time, rounded to whole bytes so that the rounded parts still sum to
// the rounded whole (largest remainders first, ties in order). Precondition: time > 0.
[[nodiscard]] std::array<Bytes, DeviceLedger::num_classes> mean_classes(const UsageTotals& totals,
                                                                        Duration time);

}  // namespace tessera
