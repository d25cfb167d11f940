// Device allocators that hold one pool from the start and share it out by a placement rule: the
// buddy system, best fit, first fit.
#include <algorithm>
#include <memory>
#include <vector>

#include "sim/memory/requests.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/memory/device_allocator.hpp"
#include "tessera/memory/placement.hpp"

namespace tessera {
namespace {

// Where a pool lies does not matter to anyone.
constexpr DeviceAddress pool_start{std::uint64_t{0x7e00} << 32};
// Addresses of a pool without a limit, more than anyone allocates.
constexpr Bytes unbounded_pool{std::int64_t{1} << 60};

struct PoolSettings {
  Placement placement = Placement::buddy;
  Bytes unit{0};              // sizes are rounded up to this
  std::optional<Bytes> pool;  // nothing: what has been used so far counts as the pool
};

std::optional<Bytes> pool_of(std::optional<Bytes> limit, std::optional<Bytes> device_memory) {
  return limit && device_memory ? std::min(limit, device_memory) : limit ? limit : device_memory;
}

class PoolAllocator final : public DeviceAllocator {
 public:
  explicit PoolAllocator(const PoolSettings& settings)
      : unit_(settings.unit),
        grows_(!settings.pool),
        units_(make_placement(settings.placement,
                              Units{settings.pool.value_or(unbounded_pool) / settings.unit})) {
    counters_.reserved = settings.pool.value_or(Bytes{0});
    counters_.segments = 1;
  }

  std::optional<Allocation> allocate(Bytes size,
                                     std::optional<DeviceAddress> segment_address) override;
  void free(AllocationHandle handle) override;
  [[nodiscard]] const AllocatorCounters& counters() const override { return counters_; }
  [[nodiscard]] Bytes largest_free() const override;
  [[nodiscard]] std::vector<Bytes> free_runs() const override;
  void audit() const override;

 private:
  struct Grant {
    Extent extent;
    Bytes requested{0};  // 0: the handle is spare
  };

  [[nodiscard]] Bytes bytes(Units units) const { return unit_ * units.count(); }
  AllocationHandle new_handle();
  // The pool is in use or it is not: as one segment, it is split as soon as anything is allocated.
  void count(Bytes requested, Bytes granted);

  Bytes unit_;
  bool grows_;
  std::unique_ptr<PlacementAllocator> units_;
  std::vector<Grant> grants_;
  std::vector<AllocationHandle> spare_;
  AllocatorCounters counters_;
};

std::optional<Allocation> PoolAllocator::allocate(Bytes size, std::optional<DeviceAddress>) {
  TESSERA_INVARIANT(size >= Bytes{0}, "a request has a size");
  if (size == Bytes{0}) {
    return Allocation{no_bytes, DeviceAddress{}, Bytes{0}};
  }
  if (size > largest_request) {
    return std::nullopt;
  }
  const auto extent = units_->allocate(Units{divide_up(size, unit_)});
  if (!extent) {
    return std::nullopt;
  }
  const AllocationHandle handle = new_handle();
  grants_[static_cast<std::size_t>(handle)] = {*extent, size};
  if (grows_) {
    counters_.reserved = std::max(counters_.reserved, bytes(extent->offset + extent->size));
  }
  count(size, bytes(extent->size));
  return Allocation{handle, pool_start + bytes(extent->offset), bytes(extent->size)};
}

AllocationHandle PoolAllocator::new_handle() {
  if (spare_.empty()) {
    grants_.emplace_back();
    return AllocationHandle{static_cast<std::uint32_t>(grants_.size() - 1)};
  }
  const AllocationHandle handle = spare_.back();
  spare_.pop_back();
  return handle;
}

void PoolAllocator::count(Bytes requested, Bytes granted) {
  counters_.requested += requested;
  counters_.allocated += granted;
  counters_.active += granted;
  counters_.inactive_split =
      counters_.allocated > Bytes{0} ? counters_.reserved - counters_.allocated : Bytes{0};
}

void PoolAllocator::free(AllocationHandle handle) {
  if (handle == no_bytes) {
    return;
  }
  const auto index = static_cast<std::size_t>(handle);
  TESSERA_INVARIANT(index < grants_.size() && grants_[index].requested > Bytes{0},
                    "only a live allocation is freed");
  Grant& grant = grants_[index];
  units_->deallocate(grant.extent);
  count(Bytes{0} - grant.requested, Bytes{0} - bytes(grant.extent.size));
  grant.requested = Bytes{0};
  spare_.push_back(handle);
}

Bytes PoolAllocator::largest_free() const {
  if (!grows_) {
    return bytes(units_->largest_free());
  }
  Bytes largest{0};
  for (const Bytes run : free_runs()) {
    largest = std::max(largest, run);
  }
  return largest;
}

// Of a pool that grows, what lies in the part that has been used so far. What units cannot share
// out at a pool's end is free, too.
std::vector<Bytes> PoolAllocator::free_runs() const {
  std::vector<Bytes> runs;
  Bytes total{0};
  for (const Extent& run : units_->free_runs()) {
    const Bytes start = std::min(bytes(run.offset), counters_.reserved);
    const Bytes end = std::min(bytes(run.offset + run.size), counters_.reserved);
    if (end > start) {
      runs.push_back(end - start);
      total += end - start;
    }
  }
  if (const Bytes tail = counters_.reserved - counters_.allocated - total; tail > Bytes{0}) {
    runs.push_back(tail);
  }
  return runs;
}

void PoolAllocator::audit() const {
  units_->audit();
  Bytes requested{0};
  Bytes granted{0};
  for (const Grant& grant : grants_) {
    if (grant.requested > Bytes{0}) {
      requested += grant.requested;
      granted += bytes(grant.extent.size);
    }
  }
  TESSERA_INVARIANT(requested == counters_.requested && granted == counters_.allocated &&
                        granted == counters_.active,
                    "the allocator's counters are the sums over its grants");
  TESSERA_INVARIANT(granted + bytes(units_->free()) == bytes(units_->total()),
                    "the pool is granted or free");
}

}  // namespace

std::unique_ptr<DeviceAllocator> make_device_allocator(const BuddySpec& spec,
                                                       std::optional<Bytes> device_memory) {
  return std::make_unique<PoolAllocator>(
      PoolSettings{Placement::buddy, spec.smallest, pool_of(spec.limit, device_memory)});
}

std::unique_ptr<DeviceAllocator> make_device_allocator(const BestFitSpec& spec,
                                                       std::optional<Bytes> device_memory) {
  return std::make_unique<PoolAllocator>(
      PoolSettings{Placement::best_fit, spec.alignment, pool_of(spec.limit, device_memory)});
}

std::unique_ptr<DeviceAllocator> make_device_allocator(const FirstFitSpec& spec,
                                                       std::optional<Bytes> device_memory) {
  return std::make_unique<PoolAllocator>(
      PoolSettings{Placement::first_fit, spec.alignment, pool_of(spec.limit, device_memory)});
}

}  // namespace tessera
