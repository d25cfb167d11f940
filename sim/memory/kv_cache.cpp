// Dispatch over the registry of KV managers.
#include "tessera/memory/kv_cache.hpp"

#include <variant>

#include "tessera/core/contract.hpp"

namespace tessera {

void KvCache::continue_from(SequenceId /*id*/, std::span<const std::int64_t> /*parents*/) {
  TESSERA_INVARIANT(false, "sequences continue each other where a manager copies on write");
}

std::vector<Bytes> KvCache::free_runs() const {
  const KvUsage now = usage();
  const Bytes free = now.cached_free + now.free();
  return free > Bytes{0} ? std::vector<Bytes>{free} : std::vector<Bytes>{};
}

std::unique_ptr<KvCache> make_kv_cache(const KvCacheSpec& spec, const KvPool& pool) {
  return std::visit([&pool](const auto& named) { return make_kv_cache(named, pool); }, spec);
}

KvTraits traits_of(const KvCacheSpec& spec) {
  return std::visit([](const auto& named) { return named.traits(); }, spec);
}

std::string_view kind_of(const KvCacheSpec& spec) {
  return std::visit([](const auto& named) { return named.kind; }, spec);
}

}  // namespace tessera
