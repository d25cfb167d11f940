// One file that appears whole or not at all.
#pragma once

#include <filesystem>
#include <string_view>

#include "tessera/metrics/output_folder.hpp"

namespace tessera {

// Writes beside `file`, then renames. Throws OutputExists unless `if_exists` replaces,
// OutputFailed.
void write_whole_file(const std::filesystem::path& file, std::string_view text, IfExists if_exists);

}  // namespace tessera
