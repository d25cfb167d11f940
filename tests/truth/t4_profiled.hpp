// The cost model `profiled` on the T4's kernels, for the table of how wrong the times are.
#pragma once

#include "tests/truth/truth_report.hpp"

namespace tessera::truth {

// The matrix products of degrees 2, 4 and 8, each shape predicted from all the others.
// Precondition: the folder of measurements is there.
[[nodiscard]] TruthRow t4_profiled_row();

}  // namespace tessera::truth
