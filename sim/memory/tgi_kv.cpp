// The KV cache of Text Generation Inference 3 (backends/v3/src/block_allocator.rs and queue.rs): a
// request gets the blocks of its prompt, of all that it may generate and of what is speculated,
// less one token, when it is taken into a batch, and holds them to its end. Nobody is ever
// preempted. Block 0 is kept for health checks.
#include "sim/memory/block_kv.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {

std::unique_ptr<KvCache> make_kv_cache(const TgiKvSpec& spec, const KvPool& pool) {
  TESSERA_INVARIANT(pool.bytes_per_token > Bytes{0}, "a token's KV takes memory");
  return make_block_kv({.layout = paged_layout(spec.block_size, spec.num_blocks, Blocks{1}, pool),
                        .block_size = spec.block_size,
                        .grant = BlockGrant::output_limit,
                        .speculate = spec.speculate},
                       pool);
}

}  // namespace tessera
