// "Did you mean": the known name that a misspelt one most likely stands for.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tessera {

// The name at the smallest edit distance (insertions, deletions, substitutions, swapped
// neighbours), if it is at most a third of the longer word's length (at least 1, so that 'pagd'
// finds 'paged'); ties go to the earlier name. Nothing when no name is that near.
[[nodiscard]] std::optional<std::string> closest(std::string_view word,
                                                 std::span<const std::string> names);

}  // namespace tessera
