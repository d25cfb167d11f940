// Which build this is.
#pragma once

#include <string_view>

namespace tessera {

[[nodiscard]] std::string_view version();  // "0.1.0"
[[nodiscard]] std::string_view
git_hash();  // twelve digits, "-modified" where files differ, or "unknown"

}  // namespace tessera
