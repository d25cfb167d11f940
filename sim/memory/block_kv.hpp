// KV in blocks of which no two requests share one: what vLLM's manager without prefix caching,
// LightLLM's slab of tokens, TensorRT-LLM's and TGI's managers have in common. They differ in what
// a sequence owns when it is admitted, and in what they keep back.
#pragma once

#include <memory>

#include "sim/memory/paged_layout.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {

// What a sequence owns from its admission on: the blocks that it has entries for, those of the
// longest context, or those of its prompt and the most that it may generate.
enum class BlockGrant { as_it_grows, longest_context, output_limit };

struct BlockRules {
  PagedLayout layout;
  Tokens block_size{1};
  BlockGrant grant = BlockGrant::as_it_grows;
  Tokens speculate{0};            // slots beside the output's limit
  Blocks watermark{0};            // that an admission leaves free where it is asked to
  bool watermark_always = false;  // see KvPool
  bool swaps = false;
};

// Precondition: pool.bytes_per_token > 0, pool.max_model_len > 0.
[[nodiscard]] std::unique_ptr<KvCache> make_block_kv(const BlockRules& rules, const KvPool& pool);

}  // namespace tessera
