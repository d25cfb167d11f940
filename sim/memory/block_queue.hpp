// The free KV blocks in vLLM's order (its FreeKVCacheBlockQueue): blocks are taken from the front,
// at first in the order of their ids, and a sequence's blocks come back at the end, its last block
// first.
//
// A sequence's blocks form a chain from the last one taken back to the first. That is the order in
// which they come back, so that giving back a whole chain is one splice, however long it is. Blocks
// that were never taken are a count and cost no memory.
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/core/contract.hpp"
#include "tessera/core/quantity.hpp"

namespace tessera {

enum class BlockId : std::uint32_t {};

// The blocks of one sequence.
struct BlockChain {
  BlockId first{};  // meaningless in an empty chain, as is `last`
  BlockId last{};
  Blocks size{0};
};

class BlockQueue {
 public:
  // The free blocks first, first+1, … end-1.
  BlockQueue(BlockId first, BlockId end)
      : first_(index(first)), untouched_(index(first)), end_(index(end)) {
    TESSERA_INVARIANT(first_ <= end_, "a range of blocks is in order");
  }

  [[nodiscard]] Blocks size() const {
    return Blocks{static_cast<std::int64_t>(end_ - untouched_)} + returned_.size;
  }

  // Moves the front block to the end of `chain`. Precondition: the queue is not empty.
  void take(BlockChain& chain) {
    const BlockId block = pop_front();
    if (chain.size == Blocks{0}) {
      chain.first = block;
    } else {
      link(block) = index(chain.last);
    }
    chain.last = block;
    ++chain.size;
  }

  // Takes back all blocks of a chain, its last one first, and leaves it empty.
  void give_back(BlockChain& chain) {
    if (chain.size == Blocks{0}) {
      return;
    }
    if (returned_.size == Blocks{0}) {
      returned_.first = chain.last;
    } else {
      link(returned_.last) = index(chain.last);
    }
    returned_.last = chain.first;
    returned_.size += chain.size;
    chain = {};
  }

  // Takes back the last `count` blocks of a chain. Precondition: it has as many.
  void give_back_last(BlockChain& chain, Blocks count) {
    TESSERA_INVARIANT(count <= chain.size, "what is given back was taken");
    if (count == chain.size) {
      give_back(chain);
      return;
    }
    for (; count > Blocks{0}; --count) {
      const BlockId block = chain.last;
      chain.last = BlockId{link(block)};
      --chain.size;
      BlockChain single{block, block, Blocks{1}};
      give_back(single);
    }
  }

  // The free blocks from the front, and a chain's blocks from its first. O(n).
  [[nodiscard]] std::vector<BlockId> in_order() const {
    std::vector<BlockId> order;
    for (std::uint32_t block = untouched_; block < end_; ++block) {
      order.push_back(BlockId{block});
    }
    walk(returned_.first, returned_.size, order);
    return order;
  }
  [[nodiscard]] std::vector<BlockId> in_order(const BlockChain& chain) const {
    std::vector<BlockId> order;
    walk(chain.last, chain.size, order);
    return {order.rbegin(), order.rend()};
  }

 private:
  [[nodiscard]] static std::uint32_t index(BlockId block) {
    return static_cast<std::uint32_t>(block);
  }
  [[nodiscard]] std::uint32_t& link(BlockId block) { return links_[index(block) - first_]; }
  [[nodiscard]] std::uint32_t link(BlockId block) const { return links_[index(block) - first_]; }

  BlockId pop_front() {
    if (untouched_ < end_) {
      links_.push_back(0);
      return BlockId{untouched_++};
    }
    TESSERA_INVARIANT(returned_.size > Blocks{0}, "a block is taken only where one is free");
    const BlockId block = returned_.first;
    --returned_.size;
    if (returned_.size > Blocks{0}) {
      returned_.first = BlockId{link(block)};
    }
    return block;
  }

  void walk(BlockId from, Blocks count, std::vector<BlockId>& order) const {
    for (Blocks done{0}; done < count; ++done) {
      order.push_back(from);
      from = BlockId{link(from)};
    }
  }

  std::uint32_t first_;
  std::uint32_t untouched_;  // blocks from here to end_ were never taken
  std::uint32_t end_;
  BlockChain returned_;  // here `first` is the next to be taken, and links go from it to `last`
  // In a sequence's chain a block's link is the one taken before it; among the returned, the next.
  // These are the same for the blocks of one chain, which is why it can be spliced.
  std::vector<std::uint32_t> links_;
};

}  // namespace tessera
