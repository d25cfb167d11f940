// The blocks of PyTorch's CUDA caching allocator, and the two orders that it looks them up in.
//
// A block is a run of bytes inside a segment. The blocks of a segment form a list by address, tile
// it, and no two cached neighbours exist. Cached blocks are ordered by (size, address), so that the
// best fit is a lower bound; unmapped ones (address space without memory, in expandable segments)
// by address. Both orders are intrusive trees, the first one a tree for each sixteenth of a power
// of two, so that a search reads few blocks: no operation allocates.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <boost/intrusive/set.hpp>
#include <cstdint>
#include <deque>
#include <iterator>
#include <optional>
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

// Blocks by (size, address).
class CachedBlocks {
 public:
  void insert(Block& block) {
    const std::size_t bucket = bucket_of(block.size);
    trees_[bucket].insert(block);
    filled_[bucket / 64] |= std::uint64_t{1} << (bucket % 64);
  }
  void erase(Block& block) {
    const std::size_t bucket = bucket_of(block.size);
    Tree& tree = trees_[bucket];
    tree.erase(tree.iterator_to(block));
    if (tree.empty()) {
      filled_[bucket / 64] &= ~(std::uint64_t{1} << (bucket % 64));
    }
  }
  // The first of at least `size`; the first and the last of all; the neighbours of one of them.
  // Each is null where there is none.
  [[nodiscard]] Block* at_least(Bytes size) {
    const std::size_t bucket = bucket_of(size);
    Tree& tree = trees_[bucket];
    const auto found = tree.lower_bound(size, SizeBelow{});
    return found != tree.end() ? &*found : first_from(bucket + 1);
  }
  [[nodiscard]] Block* first() { return first_from(0); }
  [[nodiscard]] Block* last() { return last_before(num_buckets); }
  [[nodiscard]] Block* after(Block& block) {
    const std::size_t bucket = bucket_of(block.size);
    const auto next = std::next(trees_[bucket].iterator_to(block));
    return next != trees_[bucket].end() ? &*next : first_from(bucket + 1);
  }
  [[nodiscard]] Block* before(Block& block) {
    const std::size_t bucket = bucket_of(block.size);
    const auto at = trees_[bucket].iterator_to(block);
    return at != trees_[bucket].begin() ? &*std::prev(at) : last_before(bucket);
  }
  // The size of the last one; 0 where there is none.
  [[nodiscard]] Bytes largest() const {
    const auto filled = filled_before(num_buckets);
    return filled ? trees_[*filled].rbegin()->size : Bytes{0};
  }
  [[nodiscard]] std::size_t size() const {
    std::size_t count = 0;
    for (const Tree& tree : trees_) {
      count += tree.size();
    }
    return count;
  }

 private:
  using Tree = bi::set<Block, bi::compare<BySizeThenAddress>, bi::constant_time_size<false>>;

  // Sizes in units of the smallest block: one by one below 16, then sixteen to a power of two.
  [[nodiscard]] static std::size_t bucket_of(Bytes size) {
    const std::uint64_t units = static_cast<std::uint64_t>(size.count()) / 512;
    const int shift = std::max(static_cast<int>(std::bit_width(units)) - 5, 0);
    return static_cast<std::size_t>(shift) * 16 + static_cast<std::size_t>(units >> shift);
  }
  [[nodiscard]] Block* first_from(std::size_t bucket) {
    for (std::size_t word = bucket / 64; word < filled_.size(); ++word) {
      const bool is_first = word == bucket / 64;
      const std::uint64_t bits =
          is_first ? filled_[word] & (~std::uint64_t{0} << (bucket % 64)) : filled_[word];
      if (bits != 0) {
        return &*trees_[word * 64 + static_cast<std::size_t>(std::countr_zero(bits))].begin();
      }
    }
    return nullptr;
  }
  // The last tree before `bucket` that is not empty; nothing where there is none.
  [[nodiscard]] std::optional<std::size_t> filled_before(std::size_t bucket) const {
    for (std::size_t end = bucket; end > 0; end = (end - 1) / 64 * 64) {
      const std::size_t word = (end - 1) / 64;
      const std::uint64_t bits = filled_[word] & (~std::uint64_t{0} >> (64 * (word + 1) - end));
      if (bits != 0) {
        return word * 64 + 63 - static_cast<std::size_t>(std::countl_zero(bits));
      }
    }
    return std::nullopt;
  }
  [[nodiscard]] Block* last_before(std::size_t bucket) {
    const auto filled = filled_before(bucket);
    return filled ? &*trees_[*filled].rbegin() : nullptr;
  }

  static constexpr std::size_t num_buckets = 13 * 64;  // sizes below 2^60 bytes
  std::array<Tree, num_buckets> trees_;
  std::array<std::uint64_t, num_buckets / 64> filled_{};  // which of them are not empty
};

using UnmappedBlocks = bi::set<Block, bi::compare<ByAddress>, bi::constant_time_size<false>>;

// What small requests share, or what large ones do.
struct BlockPool {
  Bytes page{0};  // of its expandable segments
  bool small = false;
  CachedBlocks cached;
  UnmappedBlocks unmapped;
  std::int64_t searches = 0;  // counted only while garbage is collected

  // The smallest cached block of at least `size`, the lowest of equal ones; null if there is none.
  [[nodiscard]] Block* best_fit(Bytes size) { return cached.at_least(size); }
  void cache(Block& block) {
    block.state = BlockState::cached;
    block.cached_since = searches;
    cached.insert(block);
  }
  void take_out(Block& block) { cached.erase(block); }
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
