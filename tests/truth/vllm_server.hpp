// A real vLLM server against its simulation, for the table of how wrong the times are.
#pragma once

#include <vector>

#include "tests/truth/truth_report.hpp"

namespace tessera::truth {

// Mean, p50 and p99 TTFT, mean TPOT and makespan under its kernel tables and under the roofline
// alone, and its KV pool. Precondition: the folder of measurements is there.
[[nodiscard]] std::vector<TruthRow> vllm_server_rows();

}  // namespace tessera::truth
