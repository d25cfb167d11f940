// Paths into a scenario, and what setting one does to its tree.
#pragma once

#include <string>
#include <string_view>

#include "sim/config/document.hpp"
#include "sim/config/problems.hpp"
#include "sim/config/shape.hpp"
#include "tessera/config/load.hpp"

namespace tessera {

// Empty where `path` exists in some scenario, whatever its kinds; else why not, with a suggestion.
[[nodiscard]] std::string why_no_such_path(std::string_view path);

// Sets override.path in the tree of a scenario (expanded by expand_shorthands). A new `kind`
// replaces its mapping; what that sets aside is noted.
void apply_override(Node& scenario, const Override& override, Problems& problems);

// Where a path is given in an expanded tree: its key's place, or that of the nearest mapping above.
[[nodiscard]] Place place_of(const Node& scenario, std::string_view path);

}  // namespace tessera
