// A tree as YAML text.
#pragma once

#include <string>
#include <string_view>

#include "sim/config/document.hpp"

namespace tessera {

// Whether text must be quoted so that it reads back as itself, with our reader and with others.
[[nodiscard]] bool needs_quotes(std::string_view text);

// Block style; a mapping of plain values that fits a line is written in one.
[[nodiscard]] std::string to_yaml(const Node& mapping);

// On one line.
[[nodiscard]] std::string to_flow_text(const Node& node);

}  // namespace tessera
