#include "sim/memory/prefix_block_pool.hpp"

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

std::uint32_t index(BlockId block) {
  return static_cast<std::uint32_t>(block);
}

}  // namespace

PrefixBlockPool::PrefixBlockPool(BlockId first, BlockId end, FreedBlocks freed_blocks)
    : first_(index(first)), freed_blocks_(freed_blocks), blocks_(index(end) - index(first)) {
  for (std::uint32_t block = index(first); block < index(end); ++block) {
    link_back(BlockId{block});
  }
}

std::optional<BlockId> PrefixBlockPool::find(std::uint64_t key) const {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    return std::nullopt;
  }
  return BlockId{found->second.first};
}

BlockId PrefixBlockPool::take() {
  TESSERA_INVARIANT(num_free_ > Blocks{0}, "a block is taken only where one is free");
  const BlockId block{free_front_};
  unlink(block);
  drop_key(block);
  at(block).references = 1;
  return block;
}

void PrefixBlockPool::refer(BlockId block) {
  if (is_free(block)) {
    unlink(block);
  }
  ++at(block).references;
}

void PrefixBlockPool::set_key(BlockId block, std::uint64_t key) {
  TESSERA_INVARIANT(!has_key(block) && !is_free(block), "a block gets one key, while it is in use");
  at(block).key = key;
  SameKey& same = by_key_[key];
  at(block).previous_same = same.last;
  if (same.last == none) {
    same.first = index(block);
  } else {
    at(same.last).next_same = index(block);
  }
  same.last = index(block);
}

void PrefixBlockPool::give_back(std::span<const BlockId> blocks) {
  to_front_.clear();
  for (const BlockId block : blocks) {
    if (--at(block).references > 0) {
      continue;
    }
    if (freed_blocks_ == FreedBlocks::all_at_the_back || has_key(block)) {
      link_back(block);
    } else {
      to_front_.push_back(block);
    }
  }
  for (auto block = to_front_.rbegin(); block != to_front_.rend(); ++block) {
    link_front(*block);
  }
}

std::optional<BlockId> PrefixBlockPool::next_with_same_key(BlockId block) const {
  if (at(block).next_same == none) {
    return std::nullopt;
  }
  return BlockId{at(block).next_same};
}

void PrefixBlockPool::link_front(BlockId block) {
  at(block).previous_free = none;
  at(block).next_free = free_front_;
  (free_front_ == none ? free_back_ : at(free_front_).previous_free) = index(block);
  free_front_ = index(block);
  ++num_free_;
  num_cached_ += Blocks{has_key(block) ? 1 : 0};
}

void PrefixBlockPool::link_back(BlockId block) {
  at(block).next_free = none;
  at(block).previous_free = free_back_;
  (free_back_ == none ? free_front_ : at(free_back_).next_free) = index(block);
  free_back_ = index(block);
  ++num_free_;
  num_cached_ += Blocks{has_key(block) ? 1 : 0};
}

void PrefixBlockPool::unlink(BlockId block) {
  const Block& links = at(block);
  (links.previous_free == none ? free_front_ : at(links.previous_free).next_free) = links.next_free;
  (links.next_free == none ? free_back_ : at(links.next_free).previous_free) = links.previous_free;
  --num_free_;
  num_cached_ -= Blocks{has_key(block) ? 1 : 0};
}

void PrefixBlockPool::drop_key(BlockId block) {
  Block& dropped = at(block);
  if (!dropped.key) {
    return;
  }
  const auto same = by_key_.find(*dropped.key);
  (dropped.previous_same == none ? same->second.first : at(dropped.previous_same).next_same) =
      dropped.next_same;
  (dropped.next_same == none ? same->second.last : at(dropped.next_same).previous_same) =
      dropped.previous_same;
  if (same->second.first == none) {
    by_key_.erase(same);
  }
  dropped.key.reset();
  dropped.previous_same = none;
  dropped.next_same = none;
}

void PrefixBlockPool::audit() const {
  audit_free_queue();
  audit_keys();
}

void PrefixBlockPool::audit_free_queue() const {
  Blocks free{0};
  Blocks cached{0};
  std::uint32_t previous = none;
  for (std::uint32_t block = free_front_; block != none; block = at(BlockId{block}).next_free) {
    const Block& here = at(BlockId{block});
    TESSERA_INVARIANT(here.references == 0, "who is in the free queue belongs to nobody");
    TESSERA_INVARIANT(here.previous_free == previous, "the free queue reads the same from its end");
    previous = block;
    ++free;
    cached += Blocks{here.key ? 1 : 0};
  }
  TESSERA_INVARIANT(free == num_free_ && cached == num_cached_, "the free queue is counted");
}

void PrefixBlockPool::audit_keys() const {
  for (const auto& [key, same] : by_key_) {
    std::uint32_t last = none;
    for (std::uint32_t block = same.first; block != none; block = at(BlockId{block}).next_same) {
      TESSERA_INVARIANT(at(BlockId{block}).key == key, "blocks are found by their own key");
      last = block;
    }
    TESSERA_INVARIANT(last == same.last, "blocks of one key are in order");
  }
}

}  // namespace tessera
