// The blocks of PyTorch's CUDA caching allocator, and the two orders that it looks them up in.
//
// A block is a run of bytes inside a segment. The blocks of a segment form a list by address, tile
// it, and no two cached neighbours exist. Cached blocks are ordered by (size, address), so that the
// best fit is a lower bound; unmapped ones (address space without memory, in expandable segments)
// by address. Both orders are intrusive trees: no operation allocates.
#pragma once

#include <boost/intrusive/set.hpp>
#include <cstdint>
#include <deque>
#include <vector>

#include "tessera/core/contract.hpp"
#include "tessera/memory/device_allocator.hpp"

namespace tessera::cuda {

namespace bi = boost::intrusive;

// The address range of an expandable segment, of which memory is mapped page by page.
struct ExpandableSegment {
  DeviceAddress base;
  Bytes size{0};
  Bytes page{0};  // the unit that memory is mapped in
};

enum class BlockState : std::uint8_t { spare, allocated, cached, unmapped };

struct BlockPool;

// Its first cache line has all that a search of an order reads.
struct alignas(64) Block : bi::set_base_hook<bi::optimize_size<true>> {
  Bytes size{0};
  DeviceAddress address;
  Bytes requested{0};
  std::int64_t cached_since = 0;  // the pool's searches when it was cached
  Block* previous = nullptr;      // neighbours in its segment
  Block* next = nullptr;
  BlockPool* pool = nullptr;
  ExpandableSegment* expandable = nullptr;
  AllocationHandle handle{};
  BlockState state = BlockState::spare;

  [[nodiscard]] bool is_split() const { return previous != nullptr || next != nullptr; }
};

struct BySizeThenAddress {
  bool operator()(const Block& a, const Block& b) const {
    return a.size != b.size ? a.size < b.size : a.address < b.address;
  }
};
struct ByAddress {
  bool operator()(const Block& a, const Block& b) const { return a.address < b.address; }
};
struct SizeBelow {
  bool operator()(const Block& a, Bytes size) const { return a.size < size; }
  bool operator()(Bytes size, const Block& a) const { return size < a.size; }
};

using CachedBlocks = bi::set<Block, bi::compare<BySizeThenAddress>, bi::constant_time_size<false>>;
using UnmappedBlocks = bi::set<Block, bi::compare<ByAddress>, bi::constant_time_size<false>>;

// What small requests share, or what large ones do.
struct BlockPool {
  Bytes page{0};  // of its expandable segments
  bool small = false;
  CachedBlocks cached;
  UnmappedBlocks unmapped;
  std::int64_t searches = 0;  // counted only while garbage is collected

  // The smallest cached block of at least `size`, the lowest of equal ones.
  [[nodiscard]] CachedBlocks::iterator best_fit(Bytes size) {
    return cached.lower_bound(size, SizeBelow{});
  }
  void cache(Block& block) {
    block.state = BlockState::cached;
    block.cached_since = searches;
    cached.insert(block);
  }
  void take_out(Block& block) { cached.erase(cached.iterator_to(block)); }
  [[nodiscard]] std::int64_t age(const Block& block) const { return searches - block.cached_since; }
};

// Every block there is, at stable addresses; a handle is an index.
class BlockStore {
 public:
  // A block of this pool and segment, linked nowhere.
  Block& make(BlockPool& pool, ExpandableSegment* expandable);
  void drop(Block& block);
  // The live allocation that `handle` stands for.
  [[nodiscard]] Block& allocated(AllocationHandle handle);
  [[nodiscard]] const std::deque<Block>& all() const { return blocks_; }

 private:
  std::deque<Block> blocks_;
  std::vector<Block*> spare_;
};

inline Block& BlockStore::make(BlockPool& pool, ExpandableSegment* expandable) {
  Block* block = nullptr;
  if (spare_.empty()) {
    block = &blocks_.emplace_back();
    block->handle = AllocationHandle{static_cast<std::uint32_t>(blocks_.size() - 1)};
  } else {
    block = spare_.back();
    spare_.pop_back();
  }
  block->previous = nullptr;
  block->next = nullptr;
  block->pool = &pool;
  block->expandable = expandable;
  return *block;
}

inline void BlockStore::drop(Block& block) {
  block.state = BlockState::spare;
  spare_.push_back(&block);
}

inline Block& BlockStore::allocated(AllocationHandle handle) {
  const auto index = static_cast<std::size_t>(handle);
  TESSERA_INVARIANT(index < blocks_.size() && blocks_[index].state == BlockState::allocated,
                    "only a live allocation is freed");
  return blocks_[index];
}

// Puts `block` into its segment's list between two neighbours, either of which may be missing.
inline void link(Block& block, Block* previous, Block* next) {
  block.previous = previous;
  block.next = next;
  if (previous != nullptr) {
    previous->next = &block;
  }
  if (next != nullptr) {
    next->previous = &block;
  }
}

// Takes a neighbour's bytes and its place in the list. The neighbour is left to be dropped.
inline void absorb(Block& block, const Block& neighbour) {
  block.size += neighbour.size;
  if (block.previous == &neighbour) {
    block.address = neighbour.address;
    link(block, neighbour.previous, block.next);
  } else {
    link(block, block.previous, neighbour.next);
  }
}

}  // namespace tessera::cuda
