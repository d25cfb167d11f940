// A message of several lines, for a cell of a table.
#pragma once

#include <string>

namespace tessera {

[[nodiscard]] inline std::string one_line(std::string text) {
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', end)) {
    text.replace(end, 1, "; ");
  }
  return text;
}

}  // namespace tessera
