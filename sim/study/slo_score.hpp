// How well a run kept the promised latencies, as one number.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/engine/scenario.hpp"
#include "tessera/metrics/run_recorder.hpp"

namespace tessera {

// One promise of an SLO, and the column of the summary that tells what came of it.
struct SloPromise {
  std::string name;    // "p99 TTFT"
  std::string column;  // "p99_ttft_ms"
  double limit = 0.0;  // ms; of the attainment: the share
};

// The attainment first, then the limits on means and percentiles.
[[nodiscard]] std::vector<SloPromise> promises_of(const SloSpec& slo);

// What came of a promise relative to it: up to 1 it is kept. A latency by its limit; of the
// attainment, the share that missed by the share that may miss. An undefined latency keeps any.
[[nodiscard]] double score_of(const SloPromise& promise, const Summary& summary);

// "p99 TTFT 2.31 s, limit 2 s"
[[nodiscard]] std::string figures_of(const SloPromise& promise, const Summary& summary);

// A number of a summary; nothing where it is undefined or a word.
[[nodiscard]] std::optional<double> summary_number(const Summary& summary, std::string_view column);

}  // namespace tessera
