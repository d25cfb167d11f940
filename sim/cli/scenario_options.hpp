// The options that choose and refine a scenario, alike for every verb that takes one.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sim/cli/options.hpp"
#include "tessera/config/load.hpp"

namespace tessera {

void add_scenario_options(VerbOptions& options);

// The file that was named, or the built-in scenario when none was.
[[nodiscard]] ScenarioText scenario_text(const GivenOptions& given);

// The shortcuts (--gpu and the like), then every --set in its order. Throws WrongUsage.
[[nodiscard]] std::vector<Override> scenario_overrides(const GivenOptions& given);

}  // namespace tessera
