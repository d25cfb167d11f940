// PyTorch's expandable segments: one address range a pool, mapped at the lowest place that can hold
// a request in pages of 2 MiB (small pool) or 20 MiB (large pool), and unmapped page by page when
// memory runs out.
#include <algorithm>
#include <iterator>

#include "sim/memory/cuda_caching.hpp"
#include "tessera/core/contract.hpp"

namespace tessera::cuda {

// A block of at least the request's size, in no order; nothing when memory has run out, in which
// case what could be mapped stays mapped and cached.
Block* CachingAllocator::grow(const Request& request) {
  if (request.size > driver_.address_range()) {  // more than the device has
    return nullptr;
  }
  Block* block = &find_room(request);
  if (block->state == BlockState::unmapped) {
    block = map(*block, std::min(block->size, request.size));
  }
  while (block != nullptr && block->size < request.size) {
    Block& beyond = *block->next;
    block = map(beyond, std::min(request.size - block->size, beyond.size));
  }
  if (block != nullptr) {
    request.pool.take_out(*block);
  }
  return block;
}

// The first block of the lowest run of cached and unmapped blocks that the request fits into, in a
// new address range where there is none.
Block& CachingAllocator::find_room(const Request& request) {
  const auto is_free = [](const Block* block) {
    return block != nullptr && block->state != BlockState::allocated;
  };
  for (Block& unmapped : request.pool.unmapped) {
    Block* first = is_free(unmapped.previous) ? unmapped.previous : &unmapped;
    Bytes room{0};
    for (const Block* block = first; room < request.size && is_free(block); block = block->next) {
      room += block->size;
    }
    if (room >= request.size) {
      return *first;
    }
  }
  return new_address_range(request);
}

Block& CachingAllocator::new_address_range(const Request& request) {
  const Bytes page = request.pool.page;
  Bytes range = round_up(driver_.address_range(), page);
  std::optional<DeviceAddress> wish = request.wish;
  if (wish && !driver_.knows_memory()) {
    end_ranges_at(*wish);
    const Bytes room = page * (std::min(range, driver_.room_at(*wish)) / page);
    if (room >= request.size) {
      range = room;
    } else {
      wish.reset();
    }
  }
  const DeviceAddress base = driver_.reserve_addresses(range, wish);
  ExpandableSegment& segment = expandable_.emplace_back(ExpandableSegment{base, range, page});
  Block& block = blocks_.make(request.pool, &segment);
  block.address = base;
  block.size = range;
  block.state = BlockState::unmapped;
  request.pool.unmapped.insert(block);
  return block;
}

// On a device of unknown memory a range is taken to be as long as can be, longer than the recorded
// one was. Where a recorded range begins inside another's unmapped end, that other one ended there.
void CachingAllocator::end_ranges_at(DeviceAddress address) {
  for (BlockPool* pool : {&small_, &large_}) {
    for (Block& block : pool->unmapped) {
      ExpandableSegment& segment = *block.expandable;
      const bool last = block.next == nullptr;
      if (last && block.address < address && address < block.address + block.size) {
        const Bytes kept = segment.page * ((address - segment.base) / segment.page);
        if (segment.base + kept > block.address) {
          segment.size = kept;
          block.size = segment.base + kept - block.address;
          driver_.shorten_addresses(segment.base, kept);
        }
      }
    }
  }
}

// Maps the pages that hold the first `size` bytes of an unmapped block and joins them to their
// cached neighbours. The block that results, cached; nothing when memory has run out.
Block* CachingAllocator::map(Block& block, Bytes size) {
  const Bytes mapped = round_up(size, block.expandable->page);
  if (!driver_.take_memory(mapped)) {
    return nullptr;
  }
  BlockPool& pool = *block.pool;
  pool.unmapped.erase(pool.unmapped.iterator_to(block));
  if (mapped < block.size) {
    Block& rest = blocks_.make(pool, block.expandable);
    rest.address = block.address + mapped;
    rest.size = block.size - mapped;
    rest.state = BlockState::unmapped;
    link(rest, &block, block.next);
    pool.unmapped.insert(rest);
    block.size = mapped;
  }
  merge(block, block.previous);
  merge(block, block.next);
  pool.cache(block);
  counters_.reserved += mapped;
  return &block;
}

// Gives back the pages that a cached block covers from end to end; what it has of others stays
// cached. An address range without memory is given back, too.
void CachingAllocator::unmap_whole_pages(Block& block) {
  const ExpandableSegment& segment = *block.expandable;
  const Bytes start = block.address - segment.base;
  const Bytes first = round_up(start, segment.page);
  const Bytes last = segment.page * ((start + block.size) / segment.page);
  if (first >= last) {
    return;
  }
  BlockPool& pool = *block.pool;
  pool.take_out(block);
  if (start < first) {
    Block& before = blocks_.make(pool, block.expandable);
    before.address = block.address;
    before.size = first - start;
    link(before, block.previous, &block);
    pool.cache(before);
  }
  if (last < start + block.size) {
    Block& after = blocks_.make(pool, block.expandable);
    after.address = segment.base + last;
    after.size = start + block.size - last;
    link(after, &block, block.next);
    pool.cache(after);
  }
  block.address = segment.base + first;
  block.size = last - first;
  driver_.return_memory(block.size);
  counters_.reserved -= block.size;
  block.state = BlockState::unmapped;
  merge_unmapped(block, block.previous);
  merge_unmapped(block, block.next);
  pool.unmapped.insert(block);
  if (!block.is_split()) {
    release_address_range(block);
  }
}

void CachingAllocator::merge_unmapped(Block& block, Block* neighbour) {
  if (neighbour == nullptr || neighbour->state != BlockState::unmapped) {
    return;
  }
  block.pool->unmapped.erase(block.pool->unmapped.iterator_to(*neighbour));
  absorb(block, *neighbour);
  blocks_.drop(*neighbour);
}

void CachingAllocator::release_address_range(Block& block) {
  const ExpandableSegment* segment = block.expandable;
  TESSERA_INVARIANT(block.size == segment->size, "an address range is given back whole");
  block.pool->unmapped.erase(block.pool->unmapped.iterator_to(block));
  driver_.release_addresses(segment->base);
  blocks_.drop(block);
  expandable_.remove_if([segment](const ExpandableSegment& s) { return &s == segment; });
}

}  // namespace tessera::cuda
