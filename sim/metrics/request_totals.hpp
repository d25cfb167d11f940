// What became of the requests: counts, latencies, and whether they kept the promised latencies.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "sim/metrics/distribution.hpp"
#include "sim/metrics/request_latencies.hpp"
#include "tessera/engine/recorder.hpp"
#include "tessera/engine/scenario.hpp"

namespace tessera {

class RequestTotals {
 public:
  explicit RequestTotals(const std::optional<SloSpec>& slo) : slo_(slo) {}

  // Checks what must hold of a request's record before anything is worked out from it.
  RequestLatencies add(const RequestRecord& record);

  struct Counts {
    std::int64_t finished = 0;
    std::int64_t rejected = 0;
    std::int64_t prompt_too_long = 0;  // of the rejected
    std::int64_t exceeds_pool = 0;     // of the rejected
    std::int64_t cancelled = 0;
    std::int64_t timed_out = 0;
    std::int64_t unfinished = 0;
    std::int64_t cut = 0;  // of the finished: ended by the context limit
    std::int64_t preemptions = 0;
    std::int64_t preempted = 0;
    std::int64_t within_slo = 0;     // of the finished: kept every limit on each request
    std::int64_t prompt_tokens = 0;  // of the finished
    std::int64_t output_tokens = 0;  // of the finished
    std::int64_t cached_tokens = 0;  // of the finished
    [[nodiscard]] std::int64_t ended() const {
      return finished + rejected + cancelled + timed_out + unfinished;
    }
  };
  [[nodiscard]] const Counts& counts() const { return counts_; }
  // Of the requests that were not turned away, the share that kept every limit on each.
  [[nodiscard]] std::optional<double> attainment() const;
  // Whether the attainment and the limits on means and percentiles are kept; nothing without an
  // SLO, or without a request.
  [[nodiscard]] std::optional<bool> slo_met();
  // Mean over the finished requests of one of phase_columns.
  [[nodiscard]] std::optional<Duration> mean_phase(std::size_t column) const;

  // Of the finished requests.
  Distribution ttft;
  Distribution tpot;
  Distribution e2el;
  Distribution queue;  // arrival to first admission
  Mean normalized;     // e2el / output tokens

 private:
  void count_other(const RequestRecord& record);
  void add_finished(const RequestRecord& record, const RequestLatencies& latencies);
  [[nodiscard]] bool keeps_limits(const RequestLatencies& latencies) const;

  std::optional<SloSpec> slo_;
  Counts counts_;
  std::array<Duration, phase_columns.size()> phases_{};  // sums over the finished
};

}  // namespace tessera
