// The KV cache in blocks of fixed size, as vLLM's V1 engine keeps it (KVCacheManager and BlockPool;
// Kwon et al., SOSP 2023), without prefix caching. A sequence gets blocks when a step needs them,
// or, with `reserve: max_model_len`, all blocks of the longest context when it is admitted, which
// is how Sarathi-Serve models Orca and FasterTransformer.
//
// The sequences of one request share the blocks of its prompt. The first to write to a block that
// is not full gets a copy of it, as long as others refer to it (copy on write), so that of n
// sequences n − 1 copy; after that each has blocks of its own, unless it is a beam that others
// continue, too.
//
// An admission must leave the watermark's blocks free when others are running; growth need not.
// Block 0 is vLLM's null block, a placeholder that no sequence owns.
#include "sim/memory/block_kv.hpp"
#include "sim/memory/merging_prefix_kv.hpp"
#include "sim/memory/prefix_caching_kv.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {

std::unique_ptr<KvCache> make_kv_cache(const PagedKvSpec& spec, const KvPool& pool) {
  TESSERA_INVARIANT(pool.bytes_per_token > Bytes{0}, "a token's KV takes memory");
  TESSERA_INVARIANT(pool.max_model_len > Tokens{0}, "a context holds a token");
  if (spec.prefix_caching) {
    return pool.freed_blocks == FreedBlocks::merged_by_content
               ? make_merging_prefix_kv(spec, pool)
               : make_prefix_caching_kv(spec, pool);
  }
  const bool grows = spec.reserve == BlockReserve::grow;
  const PagedLayout layout = paged_layout(spec, pool);
  return make_block_kv({.layout = layout,
                        .block_size = spec.block_size,
                        .grant = grows ? BlockGrant::as_it_grows : BlockGrant::longest_context,
                        .watermark = watermark_blocks(spec, pool, layout),
                        .watermark_always = pool.watermark_always,
                        .swaps = true},
                       pool);
}

}  // namespace tessera
