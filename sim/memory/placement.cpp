// The choice of a placement by its name.
#include "tessera/memory/placement.hpp"

#include "sim/memory/placements.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {

std::unique_ptr<PlacementAllocator> make_placement(Placement placement, Units units,
                                                   Units quantum) {
  TESSERA_INVARIANT(units >= Units{0} && units.count() <= std::int64_t{1} << 62,
                    "an arena has between 0 and 2^62 units");
  switch (placement) {
    case Placement::buddy:
      return make_buddy(units, quantum);
    case Placement::best_fit:
      return make_best_fit(units, quantum);
    case Placement::first_fit:
      return make_first_fit(units, quantum);
  }
  invariant_violated("a placement has a name", __FILE__, __LINE__);
}

}  // namespace tessera
