#include "sim/memory/paged_layout.hpp"

#include <algorithm>

#include "tessera/core/contract.hpp"
#include "tessera/core/time.hpp"
#include "tessera/memory/paged_pool.hpp"

namespace tessera {

PagedLayout paged_layout(Tokens block_size, std::optional<Blocks> num_blocks, Blocks null_blocks,
                         const KvPool& pool) {
  PagedLayout layout;
  layout.block = pool.bytes_per_token * block_size.count();
  if (num_blocks) {
    const Int128 bytes = Int128{layout.block.count()} * num_blocks->count();
    TESSERA_INVARIANT(bytes <= Bytes::max().count(), "a pool's bytes are a 64-bit number");
    layout.total = *num_blocks;
    layout.pool = layout.block * layout.total.count();
  } else {
    layout.total = Blocks{pool.bytes / layout.block};
    layout.pool = pool.bytes;
  }
  TESSERA_INVARIANT(layout.total.count() < std::int64_t{1} << 32, "a block's id has 32 bits");
  layout.null_blocks = std::min(null_blocks, layout.total);
  return layout;
}

PagedLayout paged_layout(const PagedKvSpec& spec, const KvPool& pool) {
  return paged_layout(spec.block_size, spec.num_blocks, Blocks{pool.null_block ? 1 : 0}, pool);
}

Blocks watermark_blocks(const PagedKvSpec& spec, const KvPool& pool, const PagedLayout& layout) {
  return Blocks{static_cast<std::int64_t>(spec.watermark.value_or(pool.watermark) *
                                          static_cast<double>(layout.total.count()))};
}

PagedPool paged_pool(const PagedKvSpec& spec, const KvPool& pool) {
  const PagedLayout layout = paged_layout(spec, pool);
  return {.block = layout.block,
          .total = layout.total,
          .usable = layout.total - layout.null_blocks,
          .watermark = watermark_blocks(spec, pool, layout)};
}

}  // namespace tessera
