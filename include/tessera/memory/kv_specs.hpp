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

using KvCacheSpec = std::variant<PagedKvSpec, ContiguousKvSpec>;

}  // namespace tessera
