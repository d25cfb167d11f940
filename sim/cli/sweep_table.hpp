// A sweep's results as a table for people.
#pragma once

#include <string>

#include "tessera/study/seeds.hpp"
#include "tessera/study/sweep.hpp"

namespace tessera {

// One row a point: the axes' values and the numbers that matter, the best row marked; of a large
// sweep only the best ones.
[[nodiscard]] std::string sweep_table(const SweepPlan& plan, const SweepRows& table);

// One row a setting: means over the seeds with their 95 % confidence intervals.
[[nodiscard]] std::string seeds_text(const SeedsTable& seeds);

}  // namespace tessera
