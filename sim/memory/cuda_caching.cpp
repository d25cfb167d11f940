#include "sim/memory/cuda_caching.hpp"

#include <algorithm>
#include <bit>
#include <iterator>
#include <memory>

#include "sim/memory/requests.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {

std::unique_ptr<DeviceAllocator> make_device_allocator(const CudaCachingSpec& spec,
                                                       std::optional<Bytes> device_memory) {
  return std::make_unique<cuda::CachingAllocator>(spec, device_memory);
}

namespace cuda {
namespace {

// The next of `divisions` equal steps between two powers of two. Precondition: size has more than
// `divisions` times the smallest block, so that a step is never below that.
Bytes next_step(Bytes size, std::int64_t divisions) {
  const auto value = static_cast<std::uint64_t>(size.count());
  if (std::has_single_bit(value)) {
    return size;
  }
  const auto step =
      std::bit_floor(value) >> (std::bit_width(static_cast<std::uint64_t>(divisions)) - 1);
  return round_up(size, Bytes{static_cast<std::int64_t>(step)});
}

Bytes segment_for(Bytes rounded) {
  if (rounded <= largest_small) {
    return small_segment;
  }
  return rounded < least_own_segment ? large_segment : round_up(rounded, memory_page);
}

}  // namespace

CachingAllocator::CachingAllocator(const CudaCachingSpec& spec, std::optional<Bytes> device_memory)
    : spec_(spec),
      max_split_(spec.max_split_size_mb ? Bytes{*spec.max_split_size_mb << 20} : Bytes::max()),
      collects_garbage_(spec.limit && spec.garbage_collection_threshold > 0.0),
      driver_(device_memory) {
  small_.small = true;
  small_.page = small_segment;
  large_.page = large_segment;
}

Bytes CachingAllocator::rounded(Bytes size) const {
  const std::int64_t divisions = spec_.roundup_power2_divisions;
  if (divisions > 1 && size > smallest_block * divisions) {
    return next_step(size, divisions);
  }
  return round_up(size, smallest_block);
}

std::optional<Allocation> CachingAllocator::allocate(Bytes size,
                                                     std::optional<DeviceAddress> segment_address) {
  TESSERA_INVARIANT(size >= Bytes{0}, "a request has a size");
  if (size == Bytes{0}) {
    return Allocation{no_bytes, DeviceAddress{}, Bytes{0}};
  }
  if (size > largest_request) {
    return std::nullopt;
  }
  const Bytes granted = rounded(size);
  const Request request{granted <= largest_small ? small_ : large_, granted, segment_for(granted),
                        segment_address};
  Block* found = take_cached(request);
  if (found == nullptr) {
    found = take_new(request);
  }
  if (found == nullptr) {
    return std::nullopt;
  }
  Block& block = split(*found, granted);
  block.state = BlockState::allocated;
  block.requested = size;
  counters_.requested += size;
  counters_.allocated += block.size;
  counters_.active += block.size;
  return Allocation{block.handle, block.address, block.size};
}

Block* CachingAllocator::take_cached(const Request& request) {
  BlockPool& pool = request.pool;
  if (collects_garbage_) {
    ++pool.searches;
  }
  Block* found = pool.best_fit(request.size);
  if (found == nullptr) {
    return nullptr;
  }
  if (spec_.expandable_segments) {
    found = skip_to_least_expansion(pool, found);
  }
  const bool oversize = found->size >= max_split_;
  if (request.size < max_split_ && oversize) {
    return nullptr;
  }
  if (request.size >= max_split_ &&
      found->size >= request.size + Bytes{spec_.max_non_split_rounding_mb << 20}) {
    return nullptr;
  }
  pool.take_out(*found);
  return found;
}

// A block before unmapped addresses counts as large as it could grow, so that the end of a segment
// is left alone while a closed hole fits.
Block* CachingAllocator::skip_to_least_expansion(BlockPool& pool, Block* found) const {
  const auto could_be = [](const Block& block) {
    const bool open = block.next != nullptr && block.next->state == BlockState::unmapped;
    return open ? block.size + block.next->size : block.size;
  };
  Block* next = pool.cached.after(*found);
  while (next != nullptr && could_be(*next) < could_be(*found)) {
    found = next;
    next = pool.cached.after(*next);
  }
  return found;
}

Block* CachingAllocator::take_new(const Request& request) {
  if (collects_garbage_) {
    collect_garbage();
  }
  if (Block* block = new_segment(request)) {
    return block;
  }
  if (release_oversize(request)) {
    if (Block* block = new_segment(request)) {
      return block;
    }
  }
  release_cached();
  ++counters_.retries;
  return new_segment(request);
}

// The limit is held against the segment that the request would make, with expandable segments too,
// which may map more or less than that.
Block* CachingAllocator::new_segment(const Request& request) {
  if (spec_.limit && request.segment > *spec_.limit - counters_.reserved) {
    return nullptr;
  }
  if (spec_.expandable_segments) {
    return grow(request);
  }
  const auto address = driver_.allocate(request.segment, request.wish);
  if (!address) {
    return nullptr;
  }
  counters_.reserved += request.segment;
  ++counters_.segments;
  Block& block = blocks_.make(request.pool, nullptr);
  block.address = *address;
  block.size = request.segment;
  return &block;
}

// Cuts what `size` leaves of a block that is in no order, and caches it. A remainder that is too
// small stays with the block.
Block& CachingAllocator::split(Block& block, Bytes size) {
  const Bytes rest = block.size - size;
  const bool worth_it = block.pool->small || spec_.expandable_segments
                            ? rest >= smallest_block
                            : size < max_split_ && rest > largest_small;
  const bool counts = block.expandable == nullptr;
  const bool was_split = block.is_split();
  if (!worth_it) {
    if (was_split && counts) {
      counters_.inactive_split -= block.size;
    }
    return block;
  }
  Block& front = blocks_.make(*block.pool, block.expandable);
  front.address = block.address;
  front.size = size;
  link(front, block.previous, &block);
  block.address = block.address + size;
  block.size = rest;
  block.pool->cache(block);
  if (counts) {
    counters_.inactive_split += was_split ? Bytes{0} - size : rest;
  }
  return front;
}

void CachingAllocator::free(AllocationHandle handle) {
  if (handle == no_bytes) {
    return;
  }
  Block& block = blocks_.allocated(handle);
  counters_.requested -= block.requested;
  counters_.allocated -= block.size;
  counters_.active -= block.size;
  merge(block, block.previous);
  merge(block, block.next);
  block.pool->cache(block);
  if (block.is_split() && block.expandable == nullptr) {
    counters_.inactive_split += block.size;
  }
}

// Joins a cached neighbour to `block`, which is in no order.
void CachingAllocator::merge(Block& block, Block* neighbour) {
  if (neighbour == nullptr || neighbour->state != BlockState::cached) {
    return;
  }
  block.pool->take_out(*neighbour);
  if (block.expandable == nullptr) {
    counters_.inactive_split -= neighbour->size;
  }
  absorb(block, *neighbour);
  blocks_.drop(*neighbour);
}

std::vector<Bytes> CachingAllocator::free_runs() const {
  std::vector<Bytes> runs;
  for (const Block& block : blocks_.all()) {
    if (block.state == BlockState::cached) {
      runs.push_back(block.size);
    }
  }
  return runs;
}

Bytes CachingAllocator::largest_free() const {
  return std::max(small_.cached.largest(), large_.cached.largest());
}

}  // namespace cuda
}  // namespace tessera
