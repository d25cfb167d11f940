// A run in one row: the numbers of summary.csv, and the same with their meaning in summary.json.
#pragma once

#include <string>

#include "sim/metrics/request_totals.hpp"
#include "sim/metrics/step_totals.hpp"
#include "sim/metrics/usage_totals.hpp"
#include "tessera/metrics/run_recorder.hpp"

namespace tessera {

// All that was measured. Percentiles are worked out on demand, which sorts: hence not const.
struct Measured {
  const NodeRecord& node;
  const RunEnd& end;
  RequestTotals& requests;
  StepTotals& steps;
  const UsageTotals& usage;
  Bytes peak_reserved{0};  // of all devices together, at one moment
  bool has_slo = false;
};

[[nodiscard]] Summary make_summary(Measured& measured);
[[nodiscard]] std::string make_summary_json(const Measured& measured, const Summary& summary,
                                            std::string_view name);

}  // namespace tessera
