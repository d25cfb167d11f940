#include "sim/metrics/request_totals.hpp"

#include "tessera/core/contract.hpp"
#include "tessera/core/decimal.hpp"

namespace tessera {
namespace {

bool keeps(const std::optional<Duration>& limit, const std::optional<Duration>& value) {
  return !limit || !value || *value <= *limit;
}

bool keeps(const LatencyLimit& limit, Distribution& values) {
  return keeps(limit.mean, values.mean()) && keeps(limit.median, values.percentile({50})) &&
         keeps(limit.p90, values.percentile({90})) && keeps(limit.p95, values.percentile({95})) &&
         keeps(limit.p99, values.percentile({99}));
}

}  // namespace

void RequestTotals::count_other(const RequestRecord& record) {
  counts_.rejected += record.status == RequestStatus::rejected ? 1 : 0;
  counts_.prompt_too_long += record.reason == EndReason::prompt_too_long ? 1 : 0;
  counts_.exceeds_pool += record.reason == EndReason::exceeds_pool ? 1 : 0;
  counts_.cancelled += record.status == RequestStatus::cancelled ? 1 : 0;
  counts_.timed_out += record.status == RequestStatus::timed_out ? 1 : 0;
  counts_.unfinished += record.status == RequestStatus::unfinished ? 1 : 0;
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
