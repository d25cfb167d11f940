// The settings of every scheduling policy. The variant PolicySpec is their registry: to add one,
// write its spec here, name it in the variant, and define its make_policy overload in
// sim/scheduling.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>
#include <variant>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"
#include "tessera/memory/kv_specs.hpp"

namespace tessera {

// Who is served first: who came first; the lowest priority number; the shortest job by prediction;
// the earliest deadline; the tenant that was served least; who has used least (FastServe).
enum class Order { fcfs, priority, sjf, edf, vtc, mlfq };
template <>
struct EnumNames<Order> {
  static constexpr std::array<std::string_view, 6> names{"fcfs", "priority", "sjf",
                                                         "edf",  "vtc",      "mlfq"};
};

// A set of orders.
class Orders {
 public:
  constexpr Orders(std::initializer_list<Order> orders) {
    for (const Order order : orders) {
      bits_ |= 1U << static_cast<unsigned>(order);
    }
  }
  [[nodiscard]] constexpr bool contains(Order order) const {
    return (bits_ >> static_cast<unsigned>(order) & 1U) != 0;
  }

 private:
  unsigned bits_ = 0;
};

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
  // It serves requests of several sequences, and swaps them out where it takes their memory.
  bool serves_groups = false;
  // It serves each sequence of such a request by itself, as if it were a request.
  bool splits_groups = false;
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
  // It computes a prompt in one step, which must hold the longest: the key that bounds a step, and
  // its value; nothing where there is no bound, or where prompts are split.
  struct WholePrompts {
    std::string_view key;
    Tokens most{0};
  };
  std::optional<WholePrompts> whole_prompts = std::nullopt;
  // It leaves out sequences whose next token is not known yet, so that every stage of a pipeline
  // can have a batch of its own.
  bool fills_pipelines = false;
  // Who is served first, and which orders its queue can have.
  Order order = Order::fcfs;
  Orders orders{Order::fcfs};
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
  double prediction_error = 0.0;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("version", self.version, "whose rules");
    v.field("order", self.order, "who is served first; vLLM itself knows fcfs and priority");
    v.field("async_scheduling", self.async_scheduling,
            "decide the next step while one runs: two batches in flight");
    v.field("max_num_seqs", self.max_num_seqs, sequence_limit, "sequences that run at once");
    v.field("max_num_batched_tokens", self.max_num_batched_tokens,
            between(Tokens{1}, Tokens{100'000'000}), "tokens computed in a step");
    v.field("chunked_prefill", self.chunked_prefill, "split prompts over steps");
    v.field("long_prefill_token_threshold", self.long_prefill_token_threshold, at_least(Tokens{0}),
            "the most tokens of one prompt in a step; 0: no limit");
    v.field("reserve_full_prompt", self.reserve_full_prompt,
            "admit only when the whole prompt fits now (vLLM's scheduler_reserve_full_isl; "
            "0.11 has "
            "no such gate)");
    v.field("prediction_error", self.prediction_error, between(0.0, 10.0),
            "sjf: standard deviation of the logarithm of predicted over true output length");
  }
  [[nodiscard]] PolicyTraits traits() const {
    return {.uses_cached_prefixes = true,
            .splits_groups = true,
            .null_block = true,
            .token_budget = max_num_batched_tokens,
            .max_num_seqs = max_num_seqs,
            .freed_blocks = version == VllmV1Version::main ? FreedBlocks::unkeyed_in_front
                                                           : FreedBlocks::all_at_the_back,
            .batches_in_flight = async_scheduling ? 2 : 1,
            .fills_pipelines = true,
            .order = order,
            .orders = async_scheduling ? Orders{Order::fcfs, Order::priority}
                                       : Orders{Order::fcfs, Order::priority, Order::sjf,
                                                Order::edf, Order::vtc, Order::mlfq}};
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
  Order order = Order::fcfs;
  std::int64_t max_num_seqs = 128;
  double prediction_error = 0.0;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("order", self.order, "who is served first; Orca itself: fcfs");
    v.field("max_num_seqs", self.max_num_seqs, sequence_limit, "sequences that run at once");
    v.field("prediction_error", self.prediction_error, between(0.0, 10.0),
            "sjf: standard deviation of the logarithm of predicted over true output length");
  }
  [[nodiscard]] PolicyTraits traits() const {
    return {.needs_reservation = true,
            .max_num_seqs = max_num_seqs,
            .fills_pipelines = true,
            .order = order,
            .orders = {Order::fcfs, Order::priority, Order::sjf, Order::edf, Order::vtc}};
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

// What happens to a sequence whose memory is taken: it is computed again, or waits in host
// memory.
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
    return {.uses_cached_prefixes = version == VllmV0Version::v0_6 && !chunked_prefill,
            .swaps = preemption == Preemption::swap,
            .serves_groups = !chunked_prefill && order == Order::fcfs,
            .token_budget = max_num_batched_tokens,
            .max_num_seqs = max_num_seqs,
            .watermark = 0.01,
            .watermark_always = true,
            .freed_blocks = FreedBlocks::merged_by_content,
            .order = order,
            .orders = version == VllmV0Version::v0_6 && !chunked_prefill
                          ? Orders{Order::fcfs, Order::priority}
                          : Orders{Order::fcfs}};
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
            .watermark_always = true,
            .fills_pipelines = true};
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
            .watermark_always = true,
            .fills_pipelines = true};
  }
};

// In which order SGLang serves who waits.
enum class SglangOrder { lpm, fcfs };
template <>
struct EnumNames<SglangOrder> {
  static constexpr std::array<std::string_view, 2> names{"lpm", "fcfs"};
};

// What TensorRT-LLM asks of the pool before it takes a request in.
enum class CapacityPolicy { guaranteed_no_evict, max_utilization, static_batch };
template <>
struct EnumNames<CapacityPolicy> {
  static constexpr std::array<std::string_view, 3> names{"guaranteed_no_evict", "max_utilization",
                                                         "static_batch"};
};

struct FastGenSpec {
  static constexpr std::string_view kind = "fastgen";
  static constexpr std::string_view summary =
      "DeepSpeed-FastGen's SplitFuse: decodes first, then prompts split to fill the step";
  std::int64_t max_ragged_sequence_count = 512;
  Tokens max_ragged_batch_size{768};

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("max_ragged_sequence_count", self.max_ragged_sequence_count, sequence_limit,
            "sequences of a step");
    v.field("max_ragged_batch_size", self.max_ragged_batch_size,
            between(Tokens{1}, Tokens{100'000'000}), "tokens of a step");
  }
  [[nodiscard]] PolicyTraits traits() const {
    return {.counts_blocks = true,
            .token_budget = max_ragged_batch_size,
            .max_num_seqs = max_ragged_sequence_count};
  }
};

struct LightLlmSpec {
  static constexpr std::string_view kind = "lightllm";
  static constexpr std::string_view summary =
      "LightLLM: admits who keeps the estimated peak of memory to come below the pool";
  std::int64_t running_max_req_size = 1000;
  std::optional<Tokens> batch_max_tokens = std::nullopt;
  double router_token_ratio = 0.0;
  Tokens router_max_new_token_len{1024};
  std::int64_t router_max_wait_tokens = 1;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("running_max_req_size", self.running_max_req_size, sequence_limit,
            "sequences that run at once, paused ones among them");
    v.field("batch_max_tokens", self.batch_max_tokens, between(Tokens{1}, Tokens{100'000'000}),
            "tokens of a step that prefills; null: max_model_len");
    v.field("router_token_ratio", self.router_token_ratio, between(0.0, 1.0),
            "the share of the pool from which on it is busy and expects outputs to reach their "
            "limit; 0: always");
    v.field("router_max_new_token_len", self.router_max_new_token_len, at_least(Tokens{1}),
            "the output that it expects while it is not busy, or 1.1 times what there is");
    v.field("router_max_wait_tokens", self.router_max_wait_tokens,
            between(std::int64_t{0}, std::int64_t{1'000'000}),
            "decode steps between two looks at the queue");
  }
  [[nodiscard]] PolicyTraits traits() const {
    PolicyTraits traits{.counts_tokens = true,
                        .token_budget = batch_max_tokens,
                        .max_num_seqs = running_max_req_size};
    if (batch_max_tokens) {
      traits.whole_prompts = {"batch_max_tokens", *batch_max_tokens};
    }
    return traits;
  }
};

struct SglangSpec {
  static constexpr std::string_view kind = "sglang";
  static constexpr std::string_view summary =
      "SGLang: longest cached prefix first, prefills go first, admission by the share of "
      "outputs "
      "that is expected to be used";
  SglangOrder schedule_policy = SglangOrder::lpm;
  std::int64_t max_running_requests = 2048;
  std::optional<Tokens> chunked_prefill_size = Tokens{2048};
  Tokens max_prefill_tokens{16'384};
  double schedule_conservativeness = 1.0;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("schedule_policy", self.schedule_policy,
            "lpm: the longest cached prefix first, while at most 128 wait; fcfs: first come");
    v.field("max_running_requests", self.max_running_requests, sequence_limit,
            "sequences that run at once");
    v.field("chunked_prefill_size", self.chunked_prefill_size,
            between(Tokens{1}, Tokens{100'000'000}),
            "prompt tokens of a step (SGLang takes 2048 below 35 GB of memory, 4096 below 60 GB, "
            "else 8192); null: prompts are not split");
    v.field("max_prefill_tokens", self.max_prefill_tokens, between(Tokens{1}, Tokens{100'000'000}),
            "prompt tokens of a step that several prompts share");
    v.field("schedule_conservativeness", self.schedule_conservativeness, within(0.0, 10.0),
            "factor on the expected share of outputs, 0.7 at first");
  }
  [[nodiscard]] PolicyTraits traits() const {
    return {.counts_blocks = true,
            .uses_cached_prefixes = true,
            .token_budget = chunked_prefill_size,
            .max_num_seqs = max_running_requests};
  }
};

struct TensorRtLlmSpec {
  static constexpr std::string_view kind = "tensorrt_llm";
  static constexpr std::string_view summary =
      "TensorRT-LLM's in-flight batching: nobody is evicted, or memory is used to the full";
  CapacityPolicy capacity_scheduler_policy = CapacityPolicy::guaranteed_no_evict;
  std::int64_t max_batch_size = 2048;
  Tokens max_num_tokens{8192};
  bool enable_chunked_context = true;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("capacity_scheduler_policy", self.capacity_scheduler_policy,
            "guaranteed_no_evict: admit who can run to the limit of its output; max_utilization: "
            "who fits the next step, and pause the last if need be; static_batch: nobody joins a "
            "batch");
    v.field("max_batch_size", self.max_batch_size, sequence_limit, "sequences of a step");
    v.field("max_num_tokens", self.max_num_tokens, between(Tokens{1}, Tokens{100'000'000}),
            "tokens of a step");
    v.field("enable_chunked_context", self.enable_chunked_context, "split prompts over steps");
  }
  [[nodiscard]] PolicyTraits traits() const {
    PolicyTraits traits{
        .counts_blocks = true, .token_budget = max_num_tokens, .max_num_seqs = max_batch_size};
    if (!enable_chunked_context) {
      traits.whole_prompts = {"max_num_tokens", max_num_tokens};
    }
    return traits;
  }
};

struct TgiSpec {
  static constexpr std::string_view kind = "tgi";
  static constexpr std::string_view summary =
      "TGI: waits until enough can join, prefills them in a step of their own, preempts nobody";
  std::int64_t max_batch_size = 256;
  std::optional<Tokens> max_batch_prefill_tokens = std::nullopt;
  std::optional<Tokens> max_batch_total_tokens = std::nullopt;
  double waiting_served_ratio = 0.3;
  std::int64_t max_waiting_tokens = 20;
  bool chunked_prefill = false;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("max_batch_size", self.max_batch_size, sequence_limit,
            "sequences that run at once (TGI itself has no limit)");
    v.field("max_batch_prefill_tokens", self.max_batch_prefill_tokens,
            between(Tokens{1}, Tokens{100'000'000}),
            "prompt tokens of a step, rounded up to blocks; null: max_model_len");
    v.field("max_batch_total_tokens", self.max_batch_total_tokens, at_least(Tokens{2}),
            "prompts and output limits of all that run; null: what the pool holds");
    v.field("waiting_served_ratio", self.waiting_served_ratio, between(0.0, 1000.0),
            "who waits must be this share of who runs to interrupt them");
    v.field("max_waiting_tokens", self.max_waiting_tokens,
            between(std::int64_t{0}, std::int64_t{1'000'000}),
            "decode steps after which anyone may interrupt");
    v.field("chunked_prefill", self.chunked_prefill,
            "prompts are split and join the decodes, as with TGI's FlashInfer and flash-decoding "
            "kernels");
  }
  [[nodiscard]] PolicyTraits traits() const {
    PolicyTraits traits{.needs_reservation = true,
                        .token_budget = max_batch_prefill_tokens,
                        .max_num_seqs = max_batch_size};
    if (max_batch_prefill_tokens && !chunked_prefill) {
      traits.whole_prompts = {"max_batch_prefill_tokens", *max_batch_prefill_tokens};
    }
    return traits;
  }
};

using PolicySpec = std::variant<VllmV1Spec, VllmV0Spec, SarathiSpec, SimpleChunkingSpec, StaticSpec,
                                OrcaSpec, FasterTransformerSpec, FastGenSpec, LightLlmSpec,
                                SglangSpec, TensorRtLlmSpec, TgiSpec>;

}  // namespace tessera
