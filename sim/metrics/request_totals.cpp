#include "sim/metrics/request_totals.hpp"

#include "tessera/core/contract.hpp"
#include "tessera/core/decimal.hpp"

namespace tessera {
namespace {

void check_instants(const RequestRecord& record) {
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

void check_amounts(const RequestRecord& record) {
  TESSERA_INVARIANT(record.kv_peak_written <= record.kv_peak_reserved, "written <= reserved");
  TESSERA_INVARIANT(record.kv_wasted_byte_picoseconds >= 0, "waste is not negative");
  TESSERA_INVARIANT(record.output <= record.request.output, "no request outgrows its output");
  TESSERA_INVARIANT(record.first_token.has_value() == (record.output > Tokens{0}),
                    "a request has a first token exactly if it has tokens");
  TESSERA_INVARIANT(record.status != RequestStatus::finished || record.output > Tokens{0},
                    "a finished request has tokens");
}

bool keeps(const std::optional<Duration>& limit, const std::optional<Duration>& value) {
  return !limit || !value || *value <= *limit;
}

bool keeps(const LatencyLimit& limit, Distribution& values) {
  return keeps(limit.mean, values.mean()) && keeps(limit.median, values.percentile({50})) &&
         keeps(limit.p90, values.percentile({90})) && keeps(limit.p95, values.percentile({95})) &&
         keeps(limit.p99, values.percentile({99}));
}

}  // namespace

RequestLatencies RequestTotals::add(const RequestRecord& record) {
  check_instants(record);
  check_amounts(record);
  const RequestLatencies latencies(record);
  if (record.num_preemptions > 0) {
    counts_.preemptions += record.num_preemptions;
    ++counts_.preempted;
  }
  if (record.status == RequestStatus::finished) {
    add_finished(record, latencies);
  } else {
    count_other(record);
  }
  return latencies;
}

void RequestTotals::count_other(const RequestRecord& record) {
  counts_.rejected += record.status == RequestStatus::rejected ? 1 : 0;
  counts_.prompt_too_long += record.reason == EndReason::prompt_too_long ? 1 : 0;
  counts_.exceeds_pool += record.reason == EndReason::exceeds_pool ? 1 : 0;
  counts_.cancelled += record.status == RequestStatus::cancelled ? 1 : 0;
  counts_.timed_out += record.status == RequestStatus::timed_out ? 1 : 0;
  counts_.unfinished += record.status == RequestStatus::unfinished ? 1 : 0;
}

inline void RequestTotals::add_finished(const RequestRecord& record,
                                        const RequestLatencies& latencies) {
  ++counts_.finished;
  if (record.reason == EndReason::length) {
    ++counts_.cut;
  }
  if (slo_ && keeps_limits(latencies)) {
    ++counts_.within_slo;
  }
  counts_.prompt_tokens += record.request.prompt.count();
  counts_.output_tokens += record.output.count() * record.request.num_sequences;
  counts_.cached_tokens += record.cached.count();
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

std::optional<Duration> RequestTotals::mean_phase(std::size_t column) const {
  if (counts_.finished == 0) {
    return std::nullopt;
  }
  return divide_nearest(phases_[column], counts_.finished);
}

// A request of one token has no TPOT, and so keeps every limit on it.
bool RequestTotals::keeps_limits(const RequestLatencies& latencies) const {
  return keeps(slo_->ttft.each, latencies.ttft) && keeps(slo_->tpot.each, latencies.tpot) &&
         keeps(slo_->e2el.each, latencies.e2el);
}

std::optional<double> RequestTotals::attainment() const {
  // A rejected request is one that the service level was not kept for.
  if (!slo_ || counts_.ended() == 0) {
    return std::nullopt;
  }
  return static_cast<double>(counts_.within_slo) / static_cast<double>(counts_.ended());
}

std::optional<bool> RequestTotals::slo_met() {
  const std::optional<double> share = attainment();
  if (!share) {
    return std::nullopt;
  }
  return *share >= slo_->attainment && keeps(slo_->ttft, ttft) && keeps(slo_->tpot, tpot) &&
         keeps(slo_->e2el, e2el);
}

}  // namespace tessera
