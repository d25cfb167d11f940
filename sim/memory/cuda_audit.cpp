// The caching allocator's books, kept a second time from the blocks alone.
#include <map>

#include "sim/memory/cuda_caching.hpp"
#include "tessera/core/contract.hpp"

namespace tessera::cuda {
namespace {

// Adds one block's part of the counters.
void count(const Block& block, AllocatorCounters& sum) {
  switch (block.state) {
    case BlockState::allocated:
      sum.requested += block.requested;
      sum.allocated += block.size;
      sum.active += block.size;
      sum.reserved += block.size;
      break;
    case BlockState::cached:
      sum.reserved += block.size;
      if (block.is_split() && block.expandable == nullptr) {
        sum.inactive_split += block.size;
      }
      break;
    case BlockState::unmapped:
    case BlockState::spare:
      break;
  }
}

bool may_neighbour(const Block& block, const Block* next) {
  if (next == nullptr) {
    return true;
  }
  const bool both_free = block.state != BlockState::allocated && block.state == next->state;
  return next->previous == &block && !both_free;
}

// Walks a segment from its first block, and returns where it ends.
DeviceAddress walk(const Block& first, AllocatorCounters& sum) {
  DeviceAddress end = first.address;
  for (const Block* block = &first; block != nullptr; block = block->next) {
    TESSERA_INVARIANT(block->address == end && block->size > Bytes{0}, "blocks tile their segment");
    TESSERA_INVARIANT(may_neighbour(*block, block->next),
                      "neighbours know each other, and free ones are merged");
    TESSERA_INVARIANT(block->state != BlockState::allocated || block->requested <= block->size,
                      "a grant covers its request");
    end = block->address + block->size;
    count(*block, sum);
  }
  return end;
}

}  // namespace

void CachingAllocator::audit() const {
  AllocatorCounters sum;
  sum.retries = counters_.retries;
  std::map<DeviceAddress, DeviceAddress> segments;
  std::size_t in_orders = 0;
  for (const Block& block : blocks_.all()) {
    in_orders += block.state == BlockState::cached || block.state == BlockState::unmapped ? 1 : 0;
    if (block.state == BlockState::spare || block.previous != nullptr) {
      continue;
    }
    sum.segments += block.expandable == nullptr ? 1 : 0;
    segments.emplace(block.address, walk(block, sum));
  }
  TESSERA_INVARIANT(sum == counters_, "the allocator's counters are the sums over its blocks");
  DeviceAddress end;
  for (const auto& [address, segment_end] : segments) {
    TESSERA_INVARIANT(end <= address, "segments do not overlap");
    end = segment_end;
  }
  TESSERA_INVARIANT(in_orders == small_.cached.size() + small_.unmapped.size() +
                                     large_.cached.size() + large_.unmapped.size(),
                    "every free block is in its pool's order");
}

}  // namespace tessera::cuda
