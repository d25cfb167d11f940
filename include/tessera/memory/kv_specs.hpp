// The settings of every KV manager. The variant KvCacheSpec is their registry: to add one, write
// its spec here (settings, traits, smallest and fixed pool), name it in the variant, and define its
// make_kv_cache overload in sim/memory.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <variant>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"

namespace tessera {

// What a KV manager can do, from which the policies that it combines with follow.
struct KvTraits {
  // A sequence owns all it can ever need from its admission on: it never asks again, so a policy
  // without preemption is safe with it.
  bool reserves_at_admission = false;
  // Memory comes in blocks of so many tokens, which can be counted.
  std::optional<Tokens> block_size = std::nullopt;
  // It gives new sequences blocks whose content it knows already.
  bool caches_prefixes = false;
  // It can move a sequence's KV to host memory and back.
  bool swaps = false;
  // The sequences of one request share what they have in common, and copy on write.
  bool copies_on_write = false;
  // Its pool is this share of the memory that weights, workspace and driver leave free, instead of
  // the rest of the engine's share of the device.
  std::optional<double> share_of_free = std::nullopt;
};

// How much a contiguous reservation holds: the context limit; the prompt and the output rounded up
// to a power of two; the prompt and the output exactly (Orca's Max, Pow2 and Oracle in the
// PagedAttention paper).
enum class Reserve { max, pow2, oracle };
template <>
struct EnumNames<Reserve> {
  static constexpr std::array<std::string_view, 3> names{"max", "pow2", "oracle"};
};

// Where a contiguous reservation is put.
enum class Placement { buddy, best_fit, first_fit };
template <>
struct EnumNames<Placement> {
  static constexpr std::array<std::string_view, 3> names{"buddy", "best_fit", "first_fit"};
};

struct ContiguousKvSpec {
  static constexpr std::string_view kind = "contiguous";
  static constexpr std::string_view summary =
      "one contiguous reservation a sequence, for its whole life (Orca, FasterTransformer)";
  Reserve reserve = Reserve::max;
  Placement placement = Placement::buddy;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("reserve", self.reserve,
            "max: max_model_len; pow2: prompt + output rounded up to a power of two; oracle: "
            "prompt + output");
    v.field("placement", self.placement, "where in the pool a reservation is put");
  }
  [[nodiscard]] KvTraits traits() const { return {.reserves_at_admission = true}; }
  // The least that it can share out, and the whole pool if the spec fixes it; else the pool is what
  // the device's memory leaves.
  [[nodiscard]] Tokens smallest_pool() const { return Tokens{1}; }
  [[nodiscard]] std::optional<Tokens> fixed_pool() const { return std::nullopt; }
};

// Where blocks that a sequence gives back join the free queue: all at its end, or (vLLM since 2026)
// those whose content nobody can find again in front.
enum class FreedBlocks { all_at_the_back, unkeyed_in_front };

// What a paged sequence owns: blocks as it grows, or blocks for the longest context at once (the
// rule of Orca and FasterTransformer, in blocks).
enum class BlockReserve { grow, max_model_len };
template <>
struct EnumNames<BlockReserve> {
  static constexpr std::array<std::string_view, 2> names{"grow", "max_model_len"};
};

struct PagedKvSpec {
  static constexpr std::string_view kind = "paged";
  static constexpr std::string_view summary = "fixed-size KV blocks, allocated as they fill (vLLM)";
  Tokens block_size{16};
  std::optional<Blocks> num_blocks;
  std::optional<double> watermark;
  bool prefix_caching = false;
  BlockReserve reserve = BlockReserve::grow;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("block_size", self.block_size, between(Tokens{1}, Tokens{65'536}), "tokens in a block");
    v.field("num_blocks", self.num_blocks, between(Blocks{1}, Blocks{1'000'000'000}),
            "blocks of the pool, with vLLM v1's null block; null: sized from the device's memory");
    v.field(
        "watermark", self.watermark, between(0.0, 1.0),
        "fraction of the blocks that admissions leave free; null: the policy's own (vllm_v0 and "
        "sarathi 0.01, else 0)");
    v.field("prefix_caching", self.prefix_caching, "reuse full blocks of equal content");
    v.field("reserve", self.reserve, "grow: blocks as they fill; max_model_len: all at admission");
  }
  [[nodiscard]] KvTraits traits() const {
    return {.reserves_at_admission = reserve == BlockReserve::max_model_len,
            .block_size = block_size,
            .caches_prefixes = prefix_caching,
            .swaps = !prefix_caching,
            .copies_on_write = !prefix_caching && reserve == BlockReserve::grow};
  }
  [[nodiscard]] Tokens smallest_pool() const { return block_size; }
  [[nodiscard]] std::optional<Tokens> fixed_pool() const {
    return num_blocks ? std::optional(block_size * num_blocks->count()) : std::nullopt;
  }
};

struct TokenKvSpec {
  static constexpr std::string_view kind = "token";
  static constexpr std::string_view summary =
      "a slab of single tokens, so that nothing is left over (LightLLM)";
  std::optional<Tokens> max_total_token_num = std::nullopt;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("max_total_token_num", self.max_total_token_num,
            between(Tokens{1}, Tokens{1'000'000'000}),
            "tokens of the pool, beside one that holds what padding writes; null: sized from the "
            "device's memory");
  }
  [[nodiscard]] KvTraits traits() const { return {.block_size = Tokens{1}}; }
  [[nodiscard]] Tokens smallest_pool() const { return Tokens{2}; }
  [[nodiscard]] std::optional<Tokens> fixed_pool() const {
    return max_total_token_num ? std::optional(*max_total_token_num + Tokens{1}) : std::nullopt;
  }
};

struct RadixKvSpec {
  static constexpr std::string_view kind = "radix";
  static constexpr std::string_view summary =
      "pages in a radix tree of prefixes, the least recently used leaf evicted first (SGLang)";
  Tokens page_size{1};
  std::optional<Tokens> max_total_tokens = std::nullopt;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("page_size", self.page_size, between(Tokens{1}, Tokens{65'536}), "tokens in a page");
    v.field("max_total_tokens", self.max_total_tokens, between(Tokens{1}, Tokens{1'000'000'000}),
            "tokens of the pool, rounded down to pages, beside a page that holds what padding "
            "writes; null: sized from the device's memory");
  }
  [[nodiscard]] KvTraits traits() const {
    return {.block_size = page_size, .caches_prefixes = true};
  }
  [[nodiscard]] Tokens smallest_pool() const { return page_size * 2; }
  [[nodiscard]] std::optional<Tokens> fixed_pool() const {
    return max_total_tokens ? std::optional(page_size * (*max_total_tokens / page_size) + page_size)
                            : std::nullopt;
  }
};

struct TensorRtLlmKvSpec {
  static constexpr std::string_view kind = "tensorrt_llm";
  static constexpr std::string_view summary =
      "large blocks as they fill, of which a prompt gets all at once (TensorRT-LLM)";
  Tokens tokens_per_block{32};
  double free_gpu_memory_fraction = 0.9;
  std::optional<Tokens> max_tokens = std::nullopt;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("tokens_per_block", self.tokens_per_block, between(Tokens{1}, Tokens{65'536}),
            "tokens in a block, a power of two");
    v.field("free_gpu_memory_fraction", self.free_gpu_memory_fraction, within(0.0, 1.0),
            "the pool's share of what weights, workspace and driver leave free; it takes the "
            "place of engine.memory.utilization");
    v.field("max_tokens", self.max_tokens, between(Tokens{1}, Tokens{1'000'000'000}),
            "tokens of the pool, rounded up to blocks; null: that share");
  }
  [[nodiscard]] KvTraits traits() const {
    return {.block_size = tokens_per_block, .share_of_free = free_gpu_memory_fraction};
  }
  [[nodiscard]] Tokens smallest_pool() const { return tokens_per_block; }
  [[nodiscard]] std::optional<Tokens> fixed_pool() const {
    return max_tokens ? std::optional(tokens_per_block * divide_up(*max_tokens, tokens_per_block))
                      : std::nullopt;
  }
};

struct TgiKvSpec {
  static constexpr std::string_view kind = "tgi";
  static constexpr std::string_view summary =
      "blocks for the prompt and the most that may be generated, at admission (TGI)";
  Tokens block_size{16};
  std::optional<Blocks> num_blocks = std::nullopt;
  Tokens speculate{0};

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("block_size", self.block_size, between(Tokens{1}, Tokens{65'536}),
            "tokens in a block; 16 with TGI's paged attention, 1 with FlashInfer");
    v.field("num_blocks", self.num_blocks, between(Blocks{2}, Blocks{1'000'000'000}),
            "blocks of the pool, with block 0, which serves health checks; null: sized from the "
            "device's memory");
    v.field("speculate", self.speculate, between(Tokens{0}, Tokens{64}),
            "slots of each reservation for speculated tokens");
  }
  [[nodiscard]] KvTraits traits() const {
    return {.reserves_at_admission = true, .block_size = block_size};
  }
  [[nodiscard]] Tokens smallest_pool() const { return block_size * 2; }
  [[nodiscard]] std::optional<Tokens> fixed_pool() const {
    return num_blocks ? std::optional(block_size * num_blocks->count()) : std::nullopt;
  }
};

using KvCacheSpec = std::variant<PagedKvSpec, ContiguousKvSpec, TokenKvSpec, RadixKvSpec,
                                 TensorRtLlmKvSpec, TgiKvSpec>;

}  // namespace tessera
