// The options that make a sweep of a scenario, alike for every verb that takes axes.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/cli/options.hpp"
#include "tessera/config/load.hpp"

namespace tessera {

void add_axis_options(VerbOptions& options);

// Those of --vary, then those of --zip. Throws WrongUsage.
[[nodiscard]] std::vector<AxisGroup> varied_axes(const GivenOptions& given);

// Of --jobs: as many as the machine runs at once when it was not given. Throws WrongUsage.
[[nodiscard]] std::int64_t jobs_of(const GivenOptions& given);

}  // namespace tessera
