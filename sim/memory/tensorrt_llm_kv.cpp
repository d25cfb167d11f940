// TensorRT-LLM's KV cache (KVCacheManager of cpp/tensorrt_llm/batch_manager/kvCacheManager.cpp)
// without block reuse: blocks of 32 tokens by default, of which a prompt gets all when its first
// chunk is computed (addSequence), and which are added one by one after it (addToken). What a
// sequence will yet need is reserved by the scheduler, logically: no block is held for it.
#include "sim/memory/block_kv.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {

std::unique_ptr<KvCache> make_kv_cache(const TensorRtLlmKvSpec& spec, const KvPool& pool) {
  TESSERA_INVARIANT(pool.bytes_per_token > Bytes{0}, "a token's KV takes memory");
  const auto fixed = spec.fixed_pool();
  const auto blocks = fixed ? std::optional(Blocks{*fixed / spec.tokens_per_block}) : std::nullopt;
  return make_block_kv({.layout = paged_layout(spec.tokens_per_block, blocks, Blocks{0}, pool),
                        .block_size = spec.tokens_per_block},
                       pool);
}

}  // namespace tessera
