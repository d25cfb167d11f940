// The placements behind make_placement, one file each.
#pragma once

#include <memory>

#include "tessera/memory/placement.hpp"

namespace tessera {

[[nodiscard]] std::unique_ptr<PlacementAllocator> make_buddy(Units units, Units quantum);
[[nodiscard]] std::unique_ptr<PlacementAllocator> make_best_fit(Units units, Units quantum);
[[nodiscard]] std::unique_ptr<PlacementAllocator> make_first_fit(Units units, Units quantum);

}  // namespace tessera
