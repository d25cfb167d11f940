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

// What --gpu names: a preset, or a file (.yaml) with a preset of one's own, as `calibrate` writes
// it. The value of `hardware.gpu`. Throws UnreadableFile.
[[nodiscard]] std::string gpu_value(const std::string& named);

}  // namespace tessera
