// What holds for every policy: the choice by spec, and which KV managers each combines with.
#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {

std::unique_ptr<BatchPolicy> make_policy(const PolicySpec& spec, const PolicyContext& context) {
  return std::visit([&](const auto& alternative) { return make_policy(alternative, context); },
                    spec);
}

PolicyTraits traits_of(const PolicySpec& spec) {
  return std::visit([](const auto& alternative) { return alternative.traits(); }, spec);
}

std::string_view kind_of(const PolicySpec& spec) {
  return std::visit([](const auto& alternative) { return alternative.kind; }, spec);
}

std::string why_incompatible(const PolicySpec& policy, const KvCacheSpec& kv_cache) {
  if (!traits_of(policy).needs_reservation || traits_of(kv_cache).reserves_at_admission) {
    return {};
  }
  return "the policy '" + std::string(kind_of(policy)) +
         "' never takes memory back, so it needs a KV manager that reserves at admission, which '" +
         std::string(kind_of(kv_cache)) +
         "' as set does not; take kv_cache {kind: contiguous}, or {kind: paged, reserve: "
         "max_model_len}, or the policy vllm_v1";
}

}  // namespace tessera
