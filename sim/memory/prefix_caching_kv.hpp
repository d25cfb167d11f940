// Paged KV with prefix caching; make_kv_cache chooses it by the spec.
#pragma once

#include <memory>

#include "tessera/memory/kv_cache.hpp"

namespace tessera {

[[nodiscard]] std::unique_ptr<KvCache> make_prefix_caching_kv(const PagedKvSpec& spec,
                                                              const KvPool& pool);

}  // namespace tessera
