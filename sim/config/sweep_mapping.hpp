// The `sweep:` mapping of a scenario: which paths take which values.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sim/config/document.hpp"
#include "sim/config/problems.hpp"
#include "tessera/config/load.hpp"

namespace tessera {

// A value of a sweep, and where the file gives it.
struct SweptValue {
  std::string text;
  Place place;
};

struct SweptAxis {
  std::string path;
  std::vector<SweptValue> values;
};

// One axis, or several that `zip:` takes side by side.
using SweptGroup = std::vector<SweptAxis>;

// Takes the `sweep:` mapping out of the root. Each key is a path with its values; `zip`, a mapping
// or a list of mappings, holds paths whose values are taken side by side.
[[nodiscard]] std::vector<SweptGroup> take_sweep(Node& root, Problems& problems);

// Why two zipped paths with so many values do not go together.
[[nodiscard]] std::string unequal_zip(const std::pair<std::string, std::size_t>& one,
                                      const std::pair<std::string, std::size_t>& other);

[[nodiscard]] std::vector<AxisGroup> plain_groups(const std::vector<SweptGroup>& swept);

}  // namespace tessera
