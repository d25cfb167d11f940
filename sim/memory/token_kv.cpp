// LightLLM's KV cache (MemoryManager of lightllm/common/mem_manager.py): one slab a layer, in which
// every token has its own place. A sequence takes as many places as a step needs from a stack of
// free ones; any place serves anyone, so nothing is ever left over or torn apart. The slab is one
// token longer than the pool: that place, HOLD_TOKEN_MEMINDEX, takes what padding writes.
#include "sim/memory/block_kv.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {

std::unique_ptr<KvCache> make_kv_cache(const TokenKvSpec& spec, const KvPool& pool) {
  TESSERA_INVARIANT(pool.bytes_per_token > Bytes{0}, "a token's KV takes memory");
  const auto slab = spec.fixed_pool();
  return make_block_kv(
      {.layout = paged_layout(Tokens{1}, slab ? std::optional(Blocks{slab->count()}) : std::nullopt,
                              Blocks{1}, pool),
       .block_size = Tokens{1}},
      pool);
}

}  // namespace tessera
