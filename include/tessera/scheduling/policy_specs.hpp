// The settings of every scheduling policy. The variant PolicySpec is their registry: to add one,
// write its spec here, name it in the variant, and define its make_policy overload in
// sim/scheduling.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"
#include "tessera/memory/kv_specs.hpp"

namespace tessera {

// What a policy asks of the KV manager that it combines with, and of the engine around it.
struct PolicyTraits {
  // It never takes memory back, so the manager must reserve at admission.
  bool needs_reservation = false;
  // It counts free KV blocks, and what each sequence will yet take of them, so they must grow.
  bool counts_blocks = false;
  // It counts in tokens what it will need, so blocks must be of one token.
  bool counts_tokens = false;
  // It takes what a prefix cache offers.
  bool uses_cached_prefixes = false;
  // It moves victims to host memory.
  bool swaps = false;
  // Its sequences are the rows of a padded batch, which come and leave together.
  bool pads_batches = false;
  // vLLM v1 keeps KV block 0 for itself.
  bool null_block = false;
  // Its steps are bounded by a token budget (else by the sequences that it admits at once).
  std::optional<Tokens> token_budget = std::nullopt;
  std::int64_t max_num_seqs = 0;
  // The share of KV blocks that admissions leave free, where the scenario does not say.
  double watermark = 0.0;
  // Its admissions obey the watermark even when nobody runs, and its decodes want a free block.
  bool watermark_always = false;
  // How its engine's block pool takes blocks back.
  FreedBlocks freed_blocks = FreedBlocks::unkeyed_in_front;
  // Steps that are scheduled before the first of them has ended.
  std::int64_t batches_in_flight = 1;
};

// Who is served first: the one who came first, or the one of the lowest priority number.
enum class Order { fcfs, priority };
template <>
struct EnumNames<Order> {
  static constexpr std::array<std::string_view, 2> names{"fcfs", "priority"};
};

// The versions whose rules are known: v0.11.0, v0.20.1, and main of 2026-07.
enum class VllmV1Version { v0_11, v0_20, main };
template <>
struct EnumNames<VllmV1Version> {
  static constexpr std::array<std::string_view, 3> names{"0.11", "0.20", "main"};
};

inline constexpr auto sequence_limit = between(std::int64_t{1}, std::int64_t{1'000'000});

struct VllmV1Spec {
  static constexpr std::string_view kind = "vllm_v1";
  static constexpr std::string_view summary =
      "vLLM v1: one token budget for prefill and decode, preemption by recomputation";
  VllmV1Version version = VllmV1Version::main;
  Order order = Order::fcfs;
  bool async_scheduling = false;
  std::int64_t max_num_seqs = 256;
  Tokens max_num_batched_tokens{2048};
  bool chunked_prefill = true;
  Tokens long_prefill_token_threshold{0};
  bool reserve_full_prompt = true;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("version", self.version, "whose rules");
    v.field("order", self.order, "who is served first");
    v.field("async_scheduling", self.async_scheduling,
            "decide the next step while one runs: two batches in flight");
    v.field("max_num_seqs", self.max_num_seqs, sequence_limit, "sequences that run at once");
    v.field("max_num_batched_tokens", self.max_num_batched_tokens,
            between(Tokens{1}, Tokens{100'000'000}), "tokens computed in a step");
    v.field("chunked_prefill", self.chunked_prefill, "split prompts over steps");
    v.field("long_prefill_token_threshold", self.long_prefill_token_threshold, at_least(Tokens{0}),
            "the most tokens of one prompt in a step; 0: no limit");
    v.field(
        "reserve_full_prompt", self.reserve_full_prompt,
        "admit only when the whole prompt fits now (vLLM's scheduler_reserve_full_isl; 0.11 has "
        "no such gate)");
  }
  [[nodiscard]] PolicyTraits traits() const {
    return {.uses_cached_prefixes = true,
            .null_block = true,
            .token_budget = max_num_batched_tokens,
            .max_num_seqs = max_num_seqs,
            .freed_blocks = version == VllmV1Version::main ? FreedBlocks::unkeyed_in_front
                                                           : FreedBlocks::all_at_the_back,
            .batches_in_flight = async_scheduling ? 2 : 1};
  }
};

struct StaticSpec {
  static constexpr std::string_view kind = "static";
  static constexpr std::string_view summary =
      "a padded batch that runs until its longest request ends (Hugging Face generate)";
  std::int64_t max_num_seqs = 8;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("max_num_seqs", self.max_num_seqs, sequence_limit, "requests of a batch");
  }
  [[nodiscard]] PolicyTraits traits() const {
    return {.needs_reservation = true, .pads_batches = true, .max_num_seqs = max_num_seqs};
  }
};

struct OrcaSpec {
  static constexpr std::string_view kind = "orca";
  static constexpr std::string_view summary =
      "iteration-level batching: whole prompts join running decodes (Orca)";
  std::int64_t max_num_seqs = 128;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("max_num_seqs", self.max_num_seqs, sequence_limit, "sequences that run at once");
  }
  [[nodiscard]] PolicyTraits traits() const {
    return {.needs_reservation = true, .max_num_seqs = max_num_seqs};
  }
};

struct FasterTransformerSpec {
  static constexpr std::string_view kind = "faster_transformer";
  static constexpr std::string_view summary =
      "request-level batching: nobody joins before the batch is empty (FasterTransformer)";
  std::int64_t max_num_seqs = 8;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("max_num_seqs", self.max_num_seqs, sequence_limit, "requests of a batch");
  }
  [[nodiscard]] PolicyTraits traits() const {
    return {.needs_reservation = true, .max_num_seqs = max_num_seqs};
  }
};

// v0.2.7, v0.4.0 and v0.6.3.
enum class VllmV0Version { v0_2, v0_4, v0_6 };
template <>
struct EnumNames<VllmV0Version> {
  static constexpr std::array<std::string_view, 3> names{"0.2", "0.4", "0.6"};
};

// What happens to a sequence whose memory is taken: it is computed again, or waits in host memory.
enum class Preemption { recompute, swap };
template <>
struct EnumNames<Preemption> {
  static constexpr std::array<std::string_view, 2> names{"recompute", "swap"};
};

struct VllmV0Spec {
  static constexpr std::string_view kind = "vllm_v0";
  static constexpr std::string_view summary =
      "vLLM v0: prefills go first, in steps of their own; recomputation or swapping";
  VllmV0Version version = VllmV0Version::v0_6;
  Order order = Order::fcfs;
  Preemption preemption = Preemption::recompute;
  std::int64_t max_num_seqs = 256;
  Tokens max_num_batched_tokens{2048};
  bool chunked_prefill = false;
  Tokens max_paddings{256};

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("version", self.version, "whose rules");
    v.field("order", self.order, "who is served first; priority with 0.6 only");
    v.field("preemption", self.preemption, "what becomes of a victim");
    v.field("max_num_seqs", self.max_num_seqs, sequence_limit, "sequences that run at once");
    v.field("max_num_batched_tokens", self.max_num_batched_tokens,
            between(Tokens{1}, Tokens{100'000'000}), "tokens computed in a step");
    v.field("chunked_prefill", self.chunked_prefill,
            "split prompts over steps that decode, too; with 0.6 only");
    v.field("max_paddings", self.max_paddings, at_least(Tokens{0}),
            "padding that a step's prompts may need; 0.2 only");
  }
  [[nodiscard]] PolicyTraits traits() const {
    return {.swaps = preemption == Preemption::swap,
            .token_budget = max_num_batched_tokens,
            .max_num_seqs = max_num_seqs,
            .watermark = 0.01,
            .watermark_always = true};
  }
};

struct SarathiSpec {
  static constexpr std::string_view kind = "sarathi";
  static constexpr std::string_view summary =
      "Sarathi-Serve: decodes first, prompts in chunks that fill up the step";
  std::int64_t max_num_seqs = 128;
  Tokens chunk_size{512};

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("max_num_seqs", self.max_num_seqs, sequence_limit, "sequences that run at once");
    v.field("chunk_size", self.chunk_size, between(Tokens{1}, Tokens{100'000'000}),
            "tokens of a step, decodes included; at least max_num_seqs");
  }
  [[nodiscard]] PolicyTraits traits() const {
    return {.token_budget = chunk_size,
            .max_num_seqs = max_num_seqs,
            .watermark = 0.01,
            .watermark_always = true};
  }
};

struct SimpleChunkingSpec {
  static constexpr std::string_view kind = "simple_chunking";
  static constexpr std::string_view summary =
      "Sarathi-Serve's baseline: chunks of prompts and decodes take turns";
  std::int64_t max_num_seqs = 128;
  Tokens chunk_size{512};

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("max_num_seqs", self.max_num_seqs, sequence_limit, "sequences that run at once");
    v.field("chunk_size", self.chunk_size, between(Tokens{1}, Tokens{100'000'000}),
            "prompt tokens of a step");
  }
  [[nodiscard]] PolicyTraits traits() const {
    return {.token_budget = std::max(chunk_size, Tokens{max_num_seqs}),
            .max_num_seqs = max_num_seqs,
            .watermark = 0.01,
            .watermark_always = true};
  }
};

using PolicySpec = std::variant<VllmV1Spec, VllmV0Spec, SarathiSpec, SimpleChunkingSpec, StaticSpec,
                                OrcaSpec, FasterTransformerSpec>;

}  // namespace tessera
