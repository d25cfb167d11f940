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

std::string why_not_in_order(const PolicySpec& policy) {
  const PolicyTraits traits = traits_of(policy);
  if (traits.orders.contains(traits.order)) {
    return {};
  }
  std::string possible;
  for (std::size_t i = 0; i < EnumNames<Order>::names.size(); ++i) {
    if (traits.orders.contains(static_cast<Order>(i))) {
      possible += (possible.empty() ? "" : ", ") + std::string(EnumNames<Order>::names[i]);
    }
  }
  return "the policy '" + std::string(kind_of(policy)) + "' as set does not serve in the order '" +
         std::string(name_of(traits.order)) + "'; take " + possible +
         ", or the policy vllm_v1 without async_scheduling, which knows all of them";
}

std::string why_no_groups(const PolicySpec& policy, const KvCacheSpec& kv_cache, GroupKind group) {
  const PolicyTraits traits = traits_of(policy);
  if (traits.splits_groups && group == GroupKind::independent) {
    return {};
  }
  if (!traits.serves_groups) {
    const bool beams = group == GroupKind::beams;
    return "the policy '" + std::string(kind_of(policy)) + "' as set " +
           (beams ? "knows no beam search" : "serves requests of one sequence only") +
           "; take the policy vllm_v0, order: fcfs, without chunked_prefill" +
           (beams ? "" : ", or vllm_v1");
  }
  if (!traits_of(kv_cache).copies_on_write) {
    return "'" + std::string(kind_of(kv_cache)) +
           "' as set does not share blocks between the sequences of a request; take kv_cache "
           "{kind: paged} without prefix_caching and reserve";
  }
  return {};
}

std::string why_incompatible(const PolicySpec& policy, const KvCacheSpec& kv_cache) {
  const PolicyTraits asks = traits_of(policy);
  const KvTraits offers = traits_of(kv_cache);
  const std::string policy_name = "the policy '" + std::string(kind_of(policy)) + "'";
  const std::string kv_name = "'" + std::string(kind_of(kv_cache)) + "' as set";
  if (offers.batch_shaped && !asks.pads_batches) {
    return policy_name + " lets requests come and go one by one, but the tensors of " + kv_name +
           " belong to a padded batch; take the policy static, or kv_cache {kind: paged}";
  }
  if (offers.keeps_nothing && asks.token_budget) {
    return policy_name + " gives a step a budget of tokens, which " + kv_name +
           " breaks by computing every sequence from its start; take the policy static, orca or "
           "faster_transformer";
  }
  if (asks.needs_reservation && !offers.reserves_at_admission && !offers.batch_shaped) {
    return policy_name +
           " never takes memory back, so it needs a KV manager that reserves at admission, which " +
           kv_name +
           " does not; take kv_cache {kind: contiguous}, {kind: tgi} or {kind: paged, reserve: "
           "max_model_len}, or the policy vllm_v1";
  }
  if (asks.counts_tokens && offers.block_size != Tokens{1}) {
    return policy_name + " plans its memory token by token, which " + kv_name +
           " does not give out; take kv_cache {kind: token}, or {kind: paged, block_size: 1}";
  }
  if ((asks.counts_blocks || asks.counts_tokens) &&
      (!offers.block_size || offers.reserves_at_admission)) {
    return policy_name + " plans how sequences grow in the free KV blocks, but " + kv_name +
           " has no blocks or gives a sequence all of them at once; take kv_cache {kind: paged}, "
           "or the policy orca";
  }
  if (offers.caches_prefixes && !asks.uses_cached_prefixes) {
    return policy_name + " does not look for cached prefixes, which " + kv_name +
           " keeps; take kv_cache {kind: paged, prefix_caching: false}, or the policy vllm_v1, "
           "sglang, or vllm_v0, version: 0.6, without chunked_prefill";
  }
  if (asks.swaps && !offers.swaps) {
    return policy_name + " with preemption: swap moves KV to host memory, which " + kv_name +
           " does not do; take kv_cache {kind: paged}, or preemption: recompute";
  }
  return {};
}

}  // namespace tessera
