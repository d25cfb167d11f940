// How a pool is cut into KV blocks, for every manager that cuts it so.
#pragma once

#include "sim/memory/block_queue.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {

struct PagedLayout {
  Bytes pool{0};
  Bytes block{0};
  Blocks total{0};
  Blocks null_blocks{0};  // vLLM's block 0, a placeholder that no sequence owns
};

// Cuts `pool`, or as many blocks as are asked for, into blocks of which the first `null_blocks` are
// kept back.
[[nodiscard]] PagedLayout paged_layout(Tokens block_size, std::optional<Blocks> num_blocks,
                                       Blocks null_blocks, const KvPool& pool);
[[nodiscard]] PagedLayout paged_layout(const PagedKvSpec& spec, const KvPool& pool);

// Blocks that an admission leaves free: the fraction of all, rounded down.
[[nodiscard]] Blocks watermark_blocks(const PagedKvSpec& spec, const KvPool& pool,
                                      const PagedLayout& layout);

// What is left of the pool when it has been cut.
[[nodiscard]] inline Bytes tail_of(const PagedLayout& layout) {
  return layout.pool - layout.block * layout.total.count();
}

// The blocks that sequences can own: first_block, … end_block − 1.
[[nodiscard]] inline BlockId first_block(const PagedLayout& layout) {
  return BlockId{static_cast<std::uint32_t>(layout.null_blocks.count())};
}
[[nodiscard]] inline BlockId end_block(const PagedLayout& layout) {
  return BlockId{static_cast<std::uint32_t>(layout.total.count())};
}

}  // namespace tessera
