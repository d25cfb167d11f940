// The usual request, whose record is looked through once, and then told and written in 64 bits.
#pragma once

#include <cstdint>

#include "tessera/core/decimal.hpp"
#include "tessera/core/distribution.hpp"
#include "tessera/engine/recorder.hpp"

namespace tessera {

// It ended by itself, 63 bits hold its instants, and its latencies are short ones to Distribution.
// Times are in picoseconds.
class UsualRequest {
 public:
  // No record that breaks an invariant is that of a usual request.
  [[nodiscard]] static bool is(const RequestRecord& record) {
    return ended_by_itself(record) && has_narrow_instants(record) && has_all_its_time(record) &&
           has_sound_amounts(record);
  }
  // Precondition: it is one. Valid as long as its record.
  explicit UsualRequest(const RequestRecord& record)
      : record_(&record),
        tpot_(has_tpot() ? divide_nearest(ended() - first_token(),
                                          static_cast<std::uint64_t>(record.output.count() - 1))
                         : 0) {}

  [[nodiscard]] const RequestRecord& record() const { return *record_; }
  [[nodiscard]] std::uint64_t arrival() const { return low(record_->request.arrival); }
  [[nodiscard]] std::uint64_t scheduled() const { return low(*record_->scheduled); }
  [[nodiscard]] std::uint64_t first_token() const { return low(*record_->first_token); }
  [[nodiscard]] std::uint64_t ended() const { return low(record_->ended); }
  // As RequestRecord says.
  [[nodiscard]] std::uint64_t ttft() const { return first_token() - arrival(); }
  [[nodiscard]] bool has_tpot() const { return record_->output > Tokens{1}; }
  [[nodiscard]] std::uint64_t tpot() const { return tpot_; }  // if it has one
  [[nodiscard]] std::uint64_t e2el() const { return ended() - arrival(); }

  // The phases of a request that nobody disturbs come first in phase_columns.
  static constexpr std::size_t num_undisturbed = 5;
  [[nodiscard]] bool is_undisturbed() const {
    const RequestPhases& parts = record_->phases;
    return (low(parts.preempted) | low(parts.recomputed) | low(parts.swapped) | low(parts.held)) ==
           0;
  }
  [[nodiscard]] std::uint64_t phase(Duration RequestPhases::*part) const {
    return low(record_->phases.*part);
  }

 private:
  static std::uint64_t low(Duration duration) {
    return static_cast<std::uint64_t>(duration.picoseconds());
  }
  static std::uint64_t low(SimTime time) { return low(time.since_start()); }
  static std::uint64_t high(Duration duration) {
    return static_cast<std::uint64_t>(duration.picoseconds() >> 64);
  }
  static std::uint64_t high(SimTime time) { return high(time.since_start()); }

  static bool ended_by_itself(const RequestRecord& record) {
    return record.status == RequestStatus::finished && record.reason == EndReason::none &&
           record.scheduled && record.first_token && record.output > Tokens{0};
  }
  // In their order.
  static bool has_narrow_instants(const RequestRecord& record) {
    const std::uint64_t above = high(record.request.arrival) | high(*record.scheduled) |
                                high(*record.first_token) | high(record.ended);
    const std::uint64_t arrival = low(record.request.arrival);
    const std::uint64_t scheduled = low(*record.scheduled);
    const std::uint64_t first_token = low(*record.first_token);
    const std::uint64_t ended = low(record.ended);
    return (above | ended >> 63) == 0 && arrival <= scheduled && scheduled <= first_token &&
           first_token <= ended;
  }
  // None of its phases is negative, and they sum to its time. That is short, so that 64 bits hold
  // every such sum. Precondition: it has narrow instants.
  static bool has_all_its_time(const RequestRecord& record) {
    const std::uint64_t time = low(record.ended) - low(record.request.arrival);
    const RequestPhases& parts = record.phases;
    const std::uint64_t above = high(parts.queued_slot) | high(parts.queued_memory) |
                                high(parts.prefill) | high(parts.decode) | high(parts.stalled) |
                                high(parts.preempted) | high(parts.recomputed) |
                                high(parts.swapped) | high(parts.held);
    const std::uint64_t disturbed =
        low(parts.preempted) | low(parts.recomputed) | low(parts.swapped) | low(parts.held);
    // Below a power of two exactly if all of them are.
    const std::uint64_t any = time | low(parts.queued_slot) | low(parts.queued_memory) |
                              low(parts.prefill) | low(parts.decode) | low(parts.stalled) |
                              disturbed;
    std::uint64_t total = low(parts.queued_slot) + low(parts.queued_memory) + low(parts.prefill) +
                          low(parts.decode) + low(parts.stalled);
    if (disturbed != 0) [[unlikely]] {
      total += disturbed_time(parts);
    }
    return (above | any / Distribution::short_below) == 0 && total == time;
  }
  [[gnu::noinline]] static std::uint64_t disturbed_time(const RequestPhases& parts) {
    return low(parts.preempted) + low(parts.recomputed) + low(parts.swapped) + low(parts.held);
  }
  static bool has_sound_amounts(const RequestRecord& record) {
    return record.kv_peak_written <= record.kv_peak_reserved &&
           record.kv_wasted_byte_picoseconds >= 0 && record.output <= record.request.output;
  }

  const RequestRecord* record_;
  std::uint64_t tpot_;

  static_assert(phase_columns[num_undisturbed].part == &RequestPhases::preempted &&
                phase_columns.size() == num_undisturbed + 4);
};

}  // namespace tessera
