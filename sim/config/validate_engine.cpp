// Rules about an engine: which policy goes with which KV manager, and the steps that it forms.
#include <bit>
#include <string>
#include <variant>

#include "sim/config/rules.hpp"
#include "sim/config/scalar.hpp"
#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {
namespace {

// The key of a policy's spec, by which steps are bounded, and whether prompts may be split over
// them.
struct StepRule {
  Tokens budget{0};
  bool splits_prompts = true;
};

StepRule step_rule_of(const PolicySpec& policy) {
  return std::visit(
      [](const auto& spec) -> StepRule {
        if constexpr (requires { spec.chunked_prefill, spec.max_num_batched_tokens; }) {
          return {spec.max_num_batched_tokens, spec.chunked_prefill};
        } else {
          return {};
        }
      },
      policy);
}

}  // namespace

void Rules::check_engine() {
  check_combination();
  check_context();
  check_policy();
  check_token_budget();
}

void Rules::check_context() {
  const std::int64_t positions = scenario_.model.positions;
  const auto limit = scenario_.engine.max_model_len;
  if (!sound({"engine.max_model_len", "model"}) || !limit || positions == 0 ||
      limit->count() <= positions) {
    return;
  }
  const bool learned = scenario_.model.position == PositionKind::learned;
  fault("engine.max_model_len",
        text_of(*limit) + " tokens are more than the " + std::to_string(positions) +
            " positions that '" + scenario_.model.name + "' " +
            (learned ? "has learned" : "was trained for (model.positions)"));
}

void Rules::check_blocks() {
  const auto* trt = std::get_if<TensorRtLlmKvSpec>(&scenario_.engine.kv_cache);
  if (sound({"engine.kv_cache"}) && trt != nullptr &&
      !std::has_single_bit(static_cast<std::uint64_t>(trt->tokens_per_block.count()))) {
    fault("engine.kv_cache.tokens_per_block",
          "TensorRT-LLM's blocks are of a power of two, got " + text_of(trt->tokens_per_block));
  }
}

void Rules::check_combination() {
  const auto* paged = std::get_if<PagedKvSpec>(&scenario_.engine.kv_cache);
  if (sound({"engine.kv_cache"}) && paged != nullptr && paged->prefix_caching &&
      paged->reserve == BlockReserve::max_model_len) {
    fault("engine.kv_cache.prefix_caching",
          "a sequence that owns all its blocks from the start shares none; take reserve: grow");
  }
  check_kv_cache();
  check_blocks();
  if (!sound({"engine.policy", "engine.kv_cache"})) {
    return;
  }
  const GpuSpec& gpu = scenario_.hardware.gpu;
  if (sound({"hardware.gpu"}) && traits_of(scenario_.engine.policy).swaps &&
      gpu.link_measured.value() <= 0.0 && gpu.link_bandwidth.value() <= 0.0) {
    fault("hardware.gpu.link_measured",
          "swapping moves KV over the link to the host, whose bandwidth is not known; give it, or "
          "take preemption: recompute");
  }
  if (std::string why = why_incompatible(scenario_.engine.policy, scenario_.engine.kv_cache);
      !why.empty()) {
    fault("engine.kv_cache", std::move(why));
  }
}

// What the ranges of a KV manager's fields cannot say.
void Rules::check_kv_cache() {
  if (!sound({"engine.kv_cache", "model", "precision"})) {
    return;
  }
  const KvCacheSpec& kv_cache = scenario_.engine.kv_cache;
  std::visit(
      [&](const auto& spec) {
        if constexpr (requires { spec.allocator; }) {
          if (const auto problem = problem_with(AllocatorSpec{spec.allocator})) {
            fault("engine.kv_cache", *problem);
          }
        }
      },
      kv_cache);
  const auto* paged_virtual = std::get_if<VirtualKvSpec>(&kv_cache);
  const Bytes keys = kv_bytes(scenario_.precision.kv_cache, scenario_.model.key_value_heads(),
                              scenario_.model.size_of_head());
  if (paged_virtual != nullptr && paged_virtual->page_size < keys) {
    fault("engine.kv_cache.page_size", "a page must hold the keys of a token in one layer: " +
                                           std::to_string(keys.count()) + " bytes");
  }
}

void Rules::check_token_budget() {
  if (!sound({"engine.policy", "engine.max_model_len", "model"})) {
    return;
  }
  const auto whole = traits_of(scenario_.engine.policy).whole_prompts;
  if (whole && whole->most < scenario_.max_model_len()) {
    fault(join_path("engine.policy", whole->key),
          "a step must hold the longest prompt, which is not split: at least max_model_len (" +
              text_of(scenario_.max_model_len()) + "), got " + text_of(whole->most));
  }
  const StepRule rule = step_rule_of(scenario_.engine.policy);
  if (rule.splits_prompts) {
    return;
  }
  const Tokens longest = scenario_.max_model_len();
  if (rule.budget < longest) {
    fault("engine.policy.max_num_batched_tokens",
          "without chunked_prefill a step must hold the longest prompt: at least max_model_len (" +
              text_of(longest) + "), got " + text_of(rule.budget));
  }
}

void Rules::check_policy() {
  if (!sound({"engine.policy"})) {
    return;
  }
  if (const std::string why = why_not_in_order(scenario_.engine.policy); !why.empty()) {
    fault("engine.policy.order", why);
  }
  if (const auto* v0 = std::get_if<VllmV0Spec>(&scenario_.engine.policy)) {
    const bool old = v0->version != VllmV0Version::v0_6;
    if (old && v0->chunked_prefill) {
      fault("engine.policy.chunked_prefill", "of the versions of vllm_v0 only 0.6 splits prompts");
    }
  }
  const auto* trt = std::get_if<TensorRtLlmSpec>(&scenario_.engine.policy);
  const auto block_size = traits_of(scenario_.engine.kv_cache).block_size;
  if (trt != nullptr && sound({"engine.kv_cache"}) && trt->enable_chunked_context && block_size &&
      trt->max_num_tokens < *block_size) {
    fault("engine.policy.max_num_tokens",
          "prompts are split at the ends of blocks, so a step must hold one: at least " +
              text_of(*block_size) + ", got " + text_of(trt->max_num_tokens));
  }
  const auto* sglang = std::get_if<SglangSpec>(&scenario_.engine.policy);
  if (sglang != nullptr && sound({"engine.kv_cache"}) && sglang->chunked_prefill_size &&
      block_size && *sglang->chunked_prefill_size < *block_size) {
    fault("engine.policy.chunked_prefill_size",
          "prompts are split at the ends of pages, so a step must hold one: at least " +
              text_of(*block_size) + ", got " + text_of(*sglang->chunked_prefill_size));
  }
  const auto* sarathi = std::get_if<SarathiSpec>(&scenario_.engine.policy);
  if (sarathi != nullptr && sarathi->chunk_size < Tokens{sarathi->max_num_seqs}) {
    fault("engine.policy.chunk_size",
          "a step must hold a token of every sequence: at least max_num_seqs (" +
              std::to_string(sarathi->max_num_seqs) + "), got " + text_of(sarathi->chunk_size));
  }
}

}  // namespace tessera
