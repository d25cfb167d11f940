// The values of a sweep's axis, as text.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace tessera {

// "1..64*2" → 1, 2, 4 … 64; "1..10+3" → 1, 4, 7, 10; "1..4" → 1, 2, 3, 4; a unit may follow:
// "1..8*2 GiB". Nothing when the text is no range; a text that says why when it is a bad one.
[[nodiscard]] std::optional<std::variant<std::vector<std::string>, std::string>> expand_range(
    std::string_view text);

}  // namespace tessera
