// The options that say where results go, alike for every verb that writes files.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "sim/cli/options.hpp"
#include "tessera/metrics/output_folder.hpp"

namespace tessera {

void add_output_options(VerbOptions& options);

// The folder of -o. Throws WrongUsage.
[[nodiscard]] std::optional<std::string> output_path(const GivenOptions& given);

// Null when -o was not given. Throws WrongUsage, OutputExists, OutputFailed.
[[nodiscard]] std::unique_ptr<OutputFolder> output_folder(const GivenOptions& given);

}  // namespace tessera
