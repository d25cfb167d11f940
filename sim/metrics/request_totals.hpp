// What became of the requests: counts, latencies, and whether they kept the promised latencies.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "sim/metrics/request_latencies.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/core/decimal.hpp"
#include "tessera/core/distribution.hpp"
#include "tessera/engine/recorder.hpp"
#include "tessera/engine/scenario.hpp"

namespace tessera {

class RequestTotals {
 public:
  explicit RequestTotals(const std::optional<SloSpec>& slo) : slo_(slo) {}

  // Checks what must hold of a request's record before anything is worked out from it.
  RequestLatencies add(const RequestRecord& record);
  void add(const UsualRequest& request);

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
  static void check_instants(const RequestRecord& record);
  static void check_amounts(const RequestRecord& record);
  void count_other(const RequestRecord& record);
  void count_preemptions(const RequestRecord& record);
  void count_finished(const RequestRecord& record);
  void add_finished(const RequestRecord& record, const RequestLatencies& latencies);
  [[nodiscard]] bool keeps_limits(const RequestLatencies& latencies) const;

  std::optional<SloSpec> slo_;
  Counts counts_;
  std::array<Duration, phase_columns.size()> phases_{};  // sums over the finished
};

inline void RequestTotals::check_instants(const RequestRecord& record) {
  const SimTime arrival = record.request.arrival;
  const SimTime scheduled = record.scheduled.value_or(arrival);
  const SimTime first_token = record.first_token.value_or(scheduled);
  TESSERA_INVARIANT(arrival <= scheduled && scheduled <= first_token && first_token <= record.ended,
                    "arrival <= scheduled <= first token <= finished");
  TESSERA_INVARIANT(record.scheduled || !record.first_token,
                    "a token comes from a scheduled request");
  TESSERA_INVARIANT(record.status != RequestStatus::rejected || !record.scheduled,
                    "a rejected request never ran");
  TESSERA_INVARIANT(
      record.status == RequestStatus::rejected || record.phases.total() == record.ended - arrival,
      "where a request's time went sums to its time");
}

inline void RequestTotals::check_amounts(const RequestRecord& record) {
  TESSERA_INVARIANT(record.kv_peak_written <= record.kv_peak_reserved, "written <= reserved");
  TESSERA_INVARIANT(record.kv_wasted_byte_picoseconds >= 0, "waste is not negative");
  TESSERA_INVARIANT(record.output <= record.request.output, "no request outgrows its output");
  TESSERA_INVARIANT(record.first_token.has_value() == (record.output > Tokens{0}),
                    "a request has a first token exactly if it has tokens");
  TESSERA_INVARIANT(record.status != RequestStatus::finished || record.output > Tokens{0},
                    "a finished request has tokens");
}

inline void RequestTotals::count_finished(const RequestRecord& record) {
  ++counts_.finished;
  counts_.prompt_tokens += record.request.prompt.count();
  counts_.output_tokens += record.output.count() * record.request.num_sequences;
  counts_.cached_tokens += record.cached.count();
}

inline void RequestTotals::count_preemptions(const RequestRecord& record) {
  if (record.num_preemptions > 0) {
    counts_.preemptions += record.num_preemptions;
    ++counts_.preempted;
  }
}

inline void RequestTotals::add(const UsualRequest& request) {
  const RequestRecord& record = request.record();
  count_preemptions(record);
  count_finished(record);
  if (slo_ && keeps_limits(RequestLatencies(request))) {
    ++counts_.within_slo;
  }
  ttft.add_short(request.ttft());
  if (request.has_tpot()) [[likely]] {
    tpot.add_short(request.tpot());
  }
  e2el.add_short(request.e2el());
  normalized.add(Duration::picoseconds(
      divide_nearest(request.e2el(), static_cast<std::uint64_t>(record.output.count()))));
  queue.add_short(request.scheduled() - request.arrival());
  for (std::size_t i = 0; i < UsualRequest::num_undisturbed; ++i) {
    phases_[i] += Duration::picoseconds(request.phase(phase_columns[i].part));
  }
  if (!request.is_undisturbed()) [[unlikely]] {
    for (std::size_t i = UsualRequest::num_undisturbed; i < phases_.size(); ++i) {
      phases_[i] += Duration::picoseconds(request.phase(phase_columns[i].part));
    }
  }
}

inline void RequestTotals::add_finished(const RequestRecord& record,
                                        const RequestLatencies& latencies) {
  count_finished(record);
  if (record.reason == EndReason::length) {
    ++counts_.cut;
  }
  if (slo_ && keeps_limits(latencies)) {
    ++counts_.within_slo;
  }
  ttft.add(*latencies.ttft);
  if (latencies.tpot) {
    tpot.add(*latencies.tpot);
  }
  e2el.add(*latencies.e2el);
  normalized.add(divide_nearest(*latencies.e2el, record.output.count()));
  queue.add(*record.scheduled - record.request.arrival);
  for (std::size_t i = 0; i < phase_columns.size(); ++i) {
    phases_[i] += record.phases.*phase_columns[i].part;
  }
}

inline RequestLatencies RequestTotals::add(const RequestRecord& record) {
  check_instants(record);
  check_amounts(record);
  const RequestLatencies latencies(record);
  count_preemptions(record);
  if (record.status == RequestStatus::finished) {
    add_finished(record, latencies);
  } else {
    count_other(record);
  }
  return latencies;
}

}  // namespace tessera
