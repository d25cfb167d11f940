// The blocks of a paged pool, for whoever counts them and need not know which is whose.
#pragma once

#include "tessera/core/quantity.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {

struct PagedPool {
  Bytes block{0};
  Blocks total{0};      // vLLM v1's null block among them
  Blocks usable{0};     // that sequences can own
  Blocks watermark{0};  // that admissions leave free
};

// Of the manager that make_kv_cache() gives for the same arguments.
[[nodiscard]] PagedPool paged_pool(const PagedKvSpec& spec, const KvPool& pool);

}  // namespace tessera
