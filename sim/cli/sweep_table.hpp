// A sweep's results as a table for people.
#pragma once

#include <span>
#include <string>

#include "tessera/study/sweep.hpp"

namespace tessera {

// One row a point: the axes' values and the numbers that matter, the best row marked.
[[nodiscard]] std::string sweep_table(const SweepPlan& plan, std::span<const SweepRow> rows);

}  // namespace tessera
