// How PyTorch's caching allocator gives memory back to the driver.
#include <vector>

#include "sim/memory/cuda_caching.hpp"
#include "tessera/core/contract.hpp"

namespace tessera::cuda {

// Once more than the threshold is reserved, gives back unsplit large segments that have been cached
// for longer than the mean of their kind, until what is above the threshold is gone. Age is counted
// in searches of the pool. A round is finished even when enough has been given back.
void CachingAllocator::collect_garbage() {
  const Bytes threshold{static_cast<std::int64_t>(spec_.garbage_collection_threshold *
                                                  static_cast<double>(spec_.limit->count()))};
  if (counters_.reserved <= threshold) {
    return;
  }
  const Bytes target = counters_.reserved - threshold;
  std::vector<Block*> candidates;
  std::int64_t total_age = 0;
  for (Block* block = large_.cached.first(); block != nullptr;
       block = large_.cached.after(*block)) {
    if (!block->is_split()) {
      candidates.push_back(block);
      total_age += large_.age(*block);
    }
  }
  Bytes reclaimed{0};
  bool released = true;
  while (reclaimed < target && released && !candidates.empty()) {
    const double mean = static_cast<double>(total_age) / static_cast<double>(candidates.size());
    released = false;
    std::vector<Block*> kept;
    for (Block* block : candidates) {
      const std::int64_t age = large_.age(*block);
      if (block->expandable != nullptr || static_cast<double>(age) < mean) {
        kept.push_back(block);
        continue;
      }
      released = true;
      reclaimed += block->size;
      total_age -= age;
      release_segment(*block);
    }
    candidates = std::move(kept);
  }
}

// Where blocks of the largest sizes are never split: gives back one that is large enough, or the
// largest ones until enough is free. False when that did not suffice.
bool CachingAllocator::release_oversize(const Request& request) {
  if (max_split_ == Bytes::max()) {
    return false;
  }
  BlockPool& pool = request.pool;
  const Bytes wanted = std::max(request.size, max_split_);
  Block* enough = pool.best_fit(wanted);
  if (enough != nullptr && enough->expandable == nullptr) {
    release_segment(*enough);
    return true;
  }
  Bytes released{0};
  Block* largest = enough != nullptr ? pool.cached.before(*enough) : pool.cached.last();
  while (released < wanted && largest != nullptr && largest->size >= max_split_) {
    Block* smaller = pool.cached.before(*largest);
    if (largest->expandable == nullptr) {
      released += largest->size;
      release_segment(*largest);
    }
    largest = smaller;
  }
  return released >= wanted;
}

void CachingAllocator::release_cached() {
  release_cached(large_);
  release_cached(small_);
}

void CachingAllocator::release_cached(BlockPool& pool) {
  std::vector<Block*> expandable;
  for (Block* block = pool.cached.first(); block != nullptr;) {
    Block* next = pool.cached.after(*block);
    if (block->expandable != nullptr) {
      expandable.push_back(block);
    } else if (!block->is_split()) {
      release_segment(*block);
    }
    block = next;
  }
  for (Block* block : expandable) {
    unmap_whole_pages(*block);
  }
}

void CachingAllocator::release_segment(Block& block) {
  TESSERA_INVARIANT(!block.is_split(), "only a whole segment is given back");
  block.pool->take_out(block);
  driver_.release(block.address, block.size);
  counters_.reserved -= block.size;
  --counters_.segments;
  blocks_.drop(block);
}

}  // namespace tessera::cuda
