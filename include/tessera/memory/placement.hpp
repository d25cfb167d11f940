// Where in an arena a request for contiguous memory is put: first fit, best fit, or the buddy
// system. The arena is counted in units of whatever its user shares out: KV slots of one token, or
// bytes of device memory.
//
// Sources: D. E. Knuth, The Art of Computer Programming, vol. 1, §2.5 (first fit, best fit, buddy
// system); Kwon et al., "Efficient Memory Management for Large Language Model Serving with
// PagedAttention" (SOSP 2023), whose Orca baselines place their reservations with a buddy
// allocator.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "tessera/core/quantity.hpp"
#include "tessera/memory/kv_specs.hpp"

namespace tessera {

using Units = Quantity<struct UnitsTag>;

// A piece of the arena.
struct Extent {
  Units offset{0};
  Units size{0};
  friend bool operator==(const Extent&, const Extent&) = default;
};

// Every operation takes O(log n) steps for n free runs, first fit's in expectation over the fixed
// random shape of its tree. Equal programs of operations give equal addresses.
class PlacementAllocator {
 public:
  PlacementAllocator() = default;
  PlacementAllocator(const PlacementAllocator&) = delete;
  PlacementAllocator& operator=(const PlacementAllocator&) = delete;
  virtual ~PlacementAllocator() = default;

  // A piece of granted(size) units, or nothing if no free run holds it. Precondition: size > 0.
  [[nodiscard]] virtual std::optional<Extent> allocate(Units size) = 0;
  // Takes back a piece exactly as it was granted, and joins it with its free neighbours.
  virtual void deallocate(Extent extent) = 0;

  // What a request for `size` units is given: as much, or with the buddy system the next power of
  // two. Precondition: 0 < size <= 2^62.
  [[nodiscard]] virtual Units granted(Units size) const = 0;

  [[nodiscard]] virtual Units total() const = 0;
  [[nodiscard]] virtual Units free() const = 0;
  // The greatest run that one request can get.
  [[nodiscard]] virtual Units largest_free() const = 0;
  // The sum over free runs of run mod quantum: no request of `quantum` units or a multiple of it
  // can ever use it while its neighbours stay. With the buddy system a run is a free block.
  [[nodiscard]] virtual Units remainders() const = 0;

  // All free runs by address. O(n).
  [[nodiscard]] virtual std::vector<Extent> free_runs() const = 0;
  // Recomputes every count from the runs and throws InvariantViolation where one differs. O(n).
  virtual void audit() const = 0;
};

// An empty arena of `units`. Precondition: 0 <= units <= 2^62, quantum > 0.
[[nodiscard]] std::unique_ptr<PlacementAllocator> make_placement(Placement placement, Units units,
                                                                 Units quantum = Units{1});

}  // namespace tessera
