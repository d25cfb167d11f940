// The settings of every scheduling policy. The variant PolicySpec is their registry: to add one,
// write its spec here, name it in the variant, and define its make_policy overload in
// sim/scheduling.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"

namespace tessera {

// What a policy asks of the KV manager that it combines with, and of the engine around it.
struct PolicyTraits {
  // It never takes memory back, so the manager must reserve at admission.
  bool needs_reservation = false;
  // vLLM v1 keeps KV block 0 for itself.
  bool null_block = false;
  // Its steps are bounded by a token budget (else by the sequences that it admits at once).
  std::optional<Tokens> token_budget = std::nullopt;
  std::int64_t max_num_seqs = 0;
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
    v.field("reserve_full_prompt", self.reserve_full_prompt,
            "admit only when the whole prompt fits now (vLLM's scheduler_reserve_full_isl; 0.11 has "
            "no such gate)");
  }
  [[nodiscard]] PolicyTraits traits() const {
    return {.null_block = true,
            .token_budget = max_num_batched_tokens,
            .max_num_seqs = max_num_seqs,
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
    return {.needs_reservation = true, .max_num_seqs = max_num_seqs};
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

using PolicySpec = std::variant<VllmV1Spec, StaticSpec, OrcaSpec, FasterTransformerSpec>;

}  // namespace tessera
