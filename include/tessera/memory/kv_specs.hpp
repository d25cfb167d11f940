// The settings of every KV manager. The variant KvCacheSpec is their registry: to add one, write
// its spec here (settings, traits, smallest and fixed pool), name it in the variant, and define its
// make_kv_cache overload in sim/memory.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"
#include "tessera/memory/allocator_specs.hpp"

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
  // Its sequences are the rows of one batch, which share tensors: they come in one step, grow
  // together, and leave together. A batch that it has opened can always grow to its end.
  bool batch_shaped = false;
  // It keeps nothing between steps: each step computes its sequences from their first token.
  bool keeps_nothing = false;
  // Its engine is the model's own code, tensor by tensor (Hugging Face), and captures no graphs.
  bool runs_model_code = false;
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
  // the device's memory leaves. A spec that can fix its pool names the key that does (pool_key),
  // and can leave it to the device's memory again (size_from_memory).
  [[nodiscard]] Tokens smallest_pool() const { return Tokens{1}; }
  [[nodiscard]] std::optional<Tokens> fixed_pool() const { return std::nullopt; }
};

// What becomes of the blocks that a sequence gives back. They join the free queue: all at its end,
// or (vLLM since 2026) those whose content nobody can find again in front. Or (vLLM v0) blocks of
// equal content are one, and stay until no other is free.
enum class FreedBlocks { all_at_the_back, unkeyed_in_front, merged_by_content };

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
  static constexpr std::string_view pool_key = "num_blocks";
  void size_from_memory() { num_blocks.reset(); }
};

// Which tensors a growing cache holds while a step runs: of one layer the old one beside the new
// (DynamicCache), or all old ones, which the caller of the model still has (past_key_values as a
// tuple of tuples).
enum class CacheForm { dynamic, tuple };
template <>
struct EnumNames<CacheForm> {
  static constexpr std::array<std::string_view, 2> names{"dynamic", "tuple"};
};

struct ConcatKvSpec {
  static constexpr std::string_view kind = "concat";
  static constexpr std::string_view summary =
      "K = Concat(K, k) every step, on PyTorch's caching allocator (Hugging Face DynamicCache)";
  CacheForm form = CacheForm::dynamic;
  CudaCachingSpec allocator;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("form", self.form,
            "dynamic: an old tensor dies when its new one is filled; tuple: when the step ends");
    CudaCachingSpec::describe(self.allocator, v);
  }
  [[nodiscard]] KvTraits traits() const { return {.batch_shaped = true, .runs_model_code = true}; }
  [[nodiscard]] Tokens smallest_pool() const { return Tokens{1}; }
  [[nodiscard]] std::optional<Tokens> fixed_pool() const { return std::nullopt; }
};

struct StaticCacheKvSpec {
  static constexpr std::string_view kind = "static_cache";
  static constexpr std::string_view summary =
      "a batch's tensors for the longest context at once (Hugging Face StaticCache)";
  std::optional<Tokens> max_cache_len;
  CudaCachingSpec allocator;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("max_cache_len", self.max_cache_len, between(Tokens{1}, Tokens{1'000'000'000}),
            "cells of a row; null: max_model_len");
    CudaCachingSpec::describe(self.allocator, v);
  }
  [[nodiscard]] KvTraits traits() const {
    return {.reserves_at_admission = true, .batch_shaped = true, .runs_model_code = true};
  }
  [[nodiscard]] Tokens smallest_pool() const { return Tokens{1}; }
  [[nodiscard]] std::optional<Tokens> fixed_pool() const { return std::nullopt; }
};

// Where the tokens of a step go: into one run of free cells, or into any free cells.
enum class CellChoice { contiguous, any };
template <>
struct EnumNames<CellChoice> {
  static constexpr std::array<std::string_view, 2> names{"contiguous", "any"};
};

struct CellsKvSpec {
  static constexpr std::string_view kind = "cells";
  static constexpr std::string_view summary =
      "a fixed number of cells that all sequences share and attention scans (llama.cpp)";
  std::optional<Tokens> num_cells;
  CellChoice choice = CellChoice::any;
  Tokens padding{256};
  std::optional<std::int64_t> slots;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field(
        "num_cells", self.num_cells, between(Tokens{1}, Tokens{1'000'000'000}),
        "n_ctx of llama.cpp; null: what the device's memory holds, at most max_model_len for each "
        "of max_num_seqs");
    v.field("choice", self.choice,
            "contiguous: a run of cells for the new tokens of a sequence, searched from the head "
            "(until 2025); any: whatever cells are free");
    v.field("padding", self.padding, between(Tokens{1}, Tokens{65'536}),
            "attention scans up to the last used cell, rounded up to this: 256 with flash "
            "attention, else 32");
    v.field("slots", self.slots, between(std::int64_t{1}, std::int64_t{1'000'000}),
            "n_parallel: so many sequences at once, each with its share of the cells to itself; "
            "null: all share all");
  }
  [[nodiscard]] KvTraits traits() const { return {.reserves_at_admission = slots.has_value()}; }
  [[nodiscard]] Tokens smallest_pool() const { return Tokens{1}; }
  [[nodiscard]] std::optional<Tokens> fixed_pool() const { return num_cells; }
  static constexpr std::string_view pool_key = "num_cells";
  void size_from_memory() { num_cells.reset(); }
};

struct VirtualKvSpec {
  static constexpr std::string_view kind = "virtual";
  static constexpr std::string_view summary =
      "contiguous addresses, pages mapped as they fill (vAttention)";
  Bytes page_size{2 << 20};
  std::optional<std::int64_t> max_batch_size;
  bool deferred_reclamation = true;
  Tokens ahead{10};

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("page_size", self.page_size, between(Bytes{4096}, Bytes{std::int64_t{1} << 30}),
            "2 MiB with CUDA's driver; 64 KiB, 128 KiB or 256 KiB with vAttention's own");
    v.field("max_batch_size", self.max_batch_size,
            between(std::int64_t{1}, std::int64_t{1'000'000}),
            "sequences that have an address range; null: the policy's max_num_seqs");
    v.field("deferred_reclamation", self.deferred_reclamation,
            "pages stay mapped when a sequence ends, for the next one or until they are needed");
    v.field("ahead", self.ahead, between(Tokens{0}, Tokens{1'000'000}),
            "a sequence that may fill its pages within so many tokens is given the next ones in "
            "the background, which takes no time; 0: never");
  }
  [[nodiscard]] KvTraits traits() const { return {}; }
  [[nodiscard]] Tokens smallest_pool() const { return Tokens{1}; }
  [[nodiscard]] std::optional<Tokens> fixed_pool() const { return std::nullopt; }
};

struct NoKvSpec {
  static constexpr std::string_view kind = "none";
  static constexpr std::string_view summary =
      "no KV cache: every step computes the whole sequence again";

  template <class Self, class Visitor>
  static void describe(Self& /*self*/, Visitor& /*v*/) {}
  [[nodiscard]] KvTraits traits() const {
    return {.reserves_at_admission = true, .keeps_nothing = true, .runs_model_code = true};
  }
  [[nodiscard]] Tokens smallest_pool() const { return Tokens{0}; }
  [[nodiscard]] std::optional<Tokens> fixed_pool() const { return std::nullopt; }
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
  static constexpr std::string_view pool_key = "max_total_token_num";
  void size_from_memory() { max_total_token_num.reset(); }
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
  static constexpr std::string_view pool_key = "max_total_tokens";
  void size_from_memory() { max_total_tokens.reset(); }
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
  static constexpr std::string_view pool_key = "max_tokens";
  void size_from_memory() { max_tokens.reset(); }
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
  static constexpr std::string_view pool_key = "num_blocks";
  void size_from_memory() { num_blocks.reset(); }
};

using KvCacheSpec =
    std::variant<PagedKvSpec, ContiguousKvSpec, TokenKvSpec, RadixKvSpec, TensorRtLlmKvSpec,
                 TgiKvSpec, ConcatKvSpec, StaticCacheKvSpec, CellsKvSpec, VirtualKvSpec, NoKvSpec>;

}  // namespace tessera
