// What `tessera run` says: what the memory buys, and the answer in a screenful.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "tessera/study/run.hpp"

namespace tessera {

// The memory's division in the words of vLLM's start-up log.
[[nodiscard]] std::string memory_opening(const Scenario& scenario, const NodeRecord& node);

// "model on GPUs, formats": what is simulated, on one line.
[[nodiscard]] std::string scenario_line(const Scenario& scenario);

// First line the answer; then latencies, waste, what bound it, what was turned away.
[[nodiscard]] std::string run_answer(const Summary& summary);

// One number of a summary: nothing when it is undefined or there is no such column.
[[nodiscard]] std::optional<double> number_in(const Summary& summary, std::string_view column);

}  // namespace tessera
