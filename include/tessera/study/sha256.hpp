// SHA-256, to tell whether two runs had the same scenario.
#pragma once

#include <string>
#include <string_view>

namespace tessera {

// The digest of `text` in hexadecimal (FIPS 180-4).
[[nodiscard]] std::string sha256(std::string_view text);

}  // namespace tessera
