// Paged KV with vLLM v0's prefix caching; make_kv_cache chooses it by the policy's block pool.
#pragma once

#include <memory>

#include "tessera/memory/kv_cache.hpp"

namespace tessera {

[[nodiscard]] std::unique_ptr<KvCache> make_merging_prefix_kv(const PagedKvSpec& spec,
                                                              const KvPool& pool);

}  // namespace tessera
