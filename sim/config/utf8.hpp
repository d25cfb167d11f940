// Text that may enter: UTF-8 without control characters (tabs and line ends aside).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tessera {

// Offset of the first byte that is not part of such text.
[[nodiscard]] std::optional<std::size_t> find_bad_text(std::string_view text);

// Characters (code points) of UTF-8 text: what columns count.
[[nodiscard]] std::int64_t count_characters(std::string_view text);

}  // namespace tessera
