// Files that a scenario names.
#pragma once

#include <string>

namespace tessera {

// `path`, from `directory` on where it is relative.
[[nodiscard]] std::string file_in(const std::string& directory, const std::string& path);

// Whether a file of that name can be opened for reading.
[[nodiscard]] bool is_readable(const std::string& path);

}  // namespace tessera
