// The options that say where results go, alike for every verb that writes files.
#pragma once

#include <memory>

#include "sim/cli/options.hpp"
#include "tessera/metrics/output_folder.hpp"

namespace tessera {

void add_output_options(VerbOptions& options);

// Null when -o was not given. Throws WrongUsage, OutputExists, OutputFailed.
[[nodiscard]] std::unique_ptr<OutputFolder> output_folder(const GivenOptions& given);

}  // namespace tessera
