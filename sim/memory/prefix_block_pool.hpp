// vLLM v1's block pool with prefix caching (vllm/v1/core/block_pool.py): every block is free
// (nobody refers to it) or referred to by sequences; a full block may carry a key that stands for
// its content and all before it. A free block keeps its key until it is taken again, so that its
// content can be found; several blocks may carry one key, and the earliest that survives is found.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "sim/memory/block_queue.hpp"
#include "tessera/core/quantity.hpp"
#include "tessera/memory/kv_specs.hpp"

namespace tessera {

class PrefixBlockPool {
 public:
  // The blocks first, first+1, … end-1, free in this order.
  PrefixBlockPool(BlockId first, BlockId end, FreedBlocks freed_blocks);

  [[nodiscard]] Blocks num_free() const { return num_free_; }
  // Free blocks that carry a key.
  [[nodiscard]] Blocks num_cached() const { return num_cached_; }

  // The block that is taken next.
  [[nodiscard]] std::optional<BlockId> front() const {
    return free_front_ == none ? std::nullopt : std::optional(BlockId{free_front_});
  }
  // The earliest surviving block with this key, free or not.
  [[nodiscard]] std::optional<BlockId> find(std::uint64_t key) const;
  // Takes the block at the front of the free queue and drops its key. Precondition: one is free.
  [[nodiscard]] BlockId take();
  // Another sequence refers to the block, which may be free.
  void refer(BlockId block);
  // Gives the block a key, after all others with that key. Precondition: it has none.
  void set_key(BlockId block, std::uint64_t key);
  // Who referred to these blocks, given from its last to its first, does so no longer. Free ones
  // join the queue in this order: at its end, or in front those that nobody can find again.
  void give_back(std::span<const BlockId> blocks);

  [[nodiscard]] bool is_free(BlockId block) const { return at(block).references == 0; }
  [[nodiscard]] bool has_key(BlockId block) const { return at(block).key.has_value(); }
  // Whether an earlier block carries the same key.
  [[nodiscard]] bool is_duplicate(BlockId block) const {
    return at(block).key.has_value() && at(block).previous_same != none;
  }
  // The block that is next to be found once `block`, the first with its key, is taken.
  [[nodiscard]] std::optional<BlockId> next_with_same_key(BlockId block) const;

  void audit() const;

 private:
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  struct Block {
    std::int64_t references = 0;
    std::optional<std::uint64_t> key;
    std::uint32_t previous_free = none;
    std::uint32_t next_free = none;
    std::uint32_t previous_same = none;  // with the same key, registered before
    std::uint32_t next_same = none;
  };
  struct SameKey {
    std::uint32_t first = none;
    std::uint32_t last = none;
  };

  [[nodiscard]] Block& at(BlockId block) {
    return blocks_[static_cast<std::size_t>(block) - first_];
  }
  [[nodiscard]] const Block& at(BlockId block) const {
    return blocks_[static_cast<std::size_t>(block) - first_];
  }
  [[nodiscard]] Block& at(std::uint32_t block) { return at(BlockId{block}); }

  void audit_free_queue() const;
  void audit_keys() const;
  void link_front(BlockId block);
  void link_back(BlockId block);
  void unlink(BlockId block);
  void drop_key(BlockId block);

  std::uint32_t first_;
  FreedBlocks freed_blocks_;
  std::vector<Block> blocks_;
  boost::unordered_flat_map<std::uint64_t, SameKey> by_key_;
  std::uint32_t free_front_ = none;
  std::uint32_t free_back_ = none;
  Blocks num_free_{0};
  Blocks num_cached_{0};
  std::vector<BlockId> to_front_;  // of one give_back(), kept for its memory
};

}  // namespace tessera
