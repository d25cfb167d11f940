// Brings a tree into the one structure that the reader knows, and checks that structure.
#pragma once

#include <string_view>

#include "sim/config/document.hpp"
#include "sim/config/problems.hpp"
#include "sim/config/shape.hpp"

namespace tessera {

// Writes out this node's shorthand, if it is one: `orca` becomes {kind: orca}, `t4` {preset: t4}.
void expand_shorthand(Node& node, const Shape& shape);
// The same for the whole tree below it.
void expand_shorthands(Node& node, const Shape& shape);

// The alternative that a variant's mapping names, or by default; null: it names none that exists.
[[nodiscard]] const ShapeAlternative* chosen_alternative(const Node& mapping, const Shape& shape);

// Reports unknown and missing keys, kinds and presets that do not exist, lists and mappings out of
// place, values that are missing. `node` has been expanded. `path` is its own.
// Within a mapping that refines a preset nothing is required.
enum class Standing { alone, refining };
void check_structure(const Node& node, const Shape& shape, std::string_view path,
                     Problems& problems, Standing standing = Standing::alone);

// "unknown kind 'pagd' for engine.kv_cache; did you mean 'paged'? (known: …)".
[[nodiscard]] std::string unknown_name(std::string_view what, std::string_view name,
                                       std::string_view path,
                                       const std::vector<std::string>& names);

}  // namespace tessera
