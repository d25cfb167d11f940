// The interface of a scheduling policy: which sequences a step computes.
//
// A policy owns its queues. It neither advances time nor logs, and acts on sequences and memory
// only through the step builder.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/scheduling/policy_specs.hpp"
#include "tessera/scheduling/sequence.hpp"
#include "tessera/scheduling/step_builder.hpp"

namespace tessera {

struct QueueSizes {
  std::int64_t running = 0;
  std::int64_t waiting = 0;
  std::int64_t swapped = 0;
  [[nodiscard]] bool empty() const { return running + waiting + swapped == 0; }
};

// What becomes of a sequence whose client has gone: it leaves its queue, or its row goes on with
// its batch.
enum class Withdrawal { leaves, stays };

// For how long a policy would go on deciding what it has just decided, namely a token for each
// running sequence and nothing else: as long as nobody arrives, ends or goes away, every sequence
// gets the memory for its next entry, and what is free only gets less by that.
struct Repeats {
  static constexpr std::int64_t forever = std::numeric_limits<std::int64_t>::max();
  std::int64_t steps = 0;          // more, at the most
  SimTime until = SimTime::max();  // only those that begin before
  Blocks kept_free{0};             // only while so many blocks are free before each token
};

class BatchPolicy {
 public:
  BatchPolicy() = default;
  BatchPolicy(const BatchPolicy&) = delete;
  BatchPolicy& operator=(const BatchPolicy&) = delete;
  virtual ~BatchPolicy() = default;

  // Whether the sequence could be admitted if it were alone; else it is rejected as too large for
  // the pool. For policies that reserve more than the KV manager does.
  [[nodiscard]] virtual bool can_ever_admit(const Sequence& /*sequence*/) const { return true; }
  // A sequence arrives. Called in order of arrival.
  virtual void enqueue(Sequence& sequence) = 0;
  // Decides the next step. The builder's step is empty.
  virtual void schedule(StepBuilder& builder) = 0;
  // `finished` sampled their last token in the step that has just run, in the order of its entries.
  // Appends to `leaving` those that now leave and give back their memory: by default all of them;
  // a static batch keeps them until its last one has finished.
  virtual void retire(const std::vector<Sequence*>& finished, std::vector<Sequence*>& leaving) = 0;

  // The client of `sequence`, which waits, runs or is swapped out, has gone. Where it leaves, the
  // policy has forgotten it; else it goes on, to leave as others do.
  [[nodiscard]] virtual Withdrawal withdraw(Sequence& sequence) = 0;

  // Asked after schedule(), of a step that took in, preempted and brought back nobody, and computes
  // a token of each running sequence. By default such a step says nothing about the next.
  [[nodiscard]] virtual Repeats repeats() const { return {}; }
  // The policy has decided so, `steps` more times, the last of them `now`.
  virtual void repeat(std::int64_t /*steps*/, SimTime /*now*/) {}

  [[nodiscard]] virtual QueueSizes sizes() const = 0;
  // The waiting sequence that will be admitted next, or null.
  [[nodiscard]] virtual const Sequence* head_of_queue() const = 0;
};

// What policies are told of their engine.
struct PolicyContext {
  std::uint64_t seed = 0;              // of what an order draws
  std::optional<Duration> time_limit;  // by which a request without a deadline should have ended
  // How long a prefill of so many tokens takes by itself, for orders that ask.
  std::function<Duration(Tokens)> prefill_time;
  Tokens max_model_len{0};
  Tokens block_size{1};   // of the KV manager; 1 where it has none
  Tokens kv_capacity{0};  // entries that the whole pool holds
  // Stages of the pipeline, each with a batch. With more than one, a sequence whose next token is
  // being computed is left out until that is known.
  std::int64_t stages = 1;
};

[[nodiscard]] std::unique_ptr<BatchPolicy> make_policy(const PolicySpec& spec,
                                                       const PolicyContext& context);
[[nodiscard]] std::unique_ptr<BatchPolicy> make_policy(const VllmV1Spec& spec,
                                                       const PolicyContext& context);
[[nodiscard]] std::unique_ptr<BatchPolicy> make_policy(const VllmV0Spec& spec,
                                                       const PolicyContext& context);
[[nodiscard]] std::unique_ptr<BatchPolicy> make_policy(const SarathiSpec& spec,
                                                       const PolicyContext& context);
[[nodiscard]] std::unique_ptr<BatchPolicy> make_policy(const SimpleChunkingSpec& spec,
                                                       const PolicyContext& context);
[[nodiscard]] std::unique_ptr<BatchPolicy> make_policy(const StaticSpec& spec,
                                                       const PolicyContext& context);
[[nodiscard]] std::unique_ptr<BatchPolicy> make_policy(const OrcaSpec& spec,
                                                       const PolicyContext& context);
[[nodiscard]] std::unique_ptr<BatchPolicy> make_policy(const FasterTransformerSpec& spec,
                                                       const PolicyContext& context);
[[nodiscard]] std::unique_ptr<BatchPolicy> make_policy(const FastGenSpec& spec,
                                                       const PolicyContext& context);
[[nodiscard]] std::unique_ptr<BatchPolicy> make_policy(const LightLlmSpec& spec,
                                                       const PolicyContext& context);
[[nodiscard]] std::unique_ptr<BatchPolicy> make_policy(const SglangSpec& spec,
                                                       const PolicyContext& context);
[[nodiscard]] std::unique_ptr<BatchPolicy> make_policy(const TensorRtLlmSpec& spec,
                                                       const PolicyContext& context);
[[nodiscard]] std::unique_ptr<BatchPolicy> make_policy(const TgiSpec& spec,
                                                       const PolicyContext& context);

[[nodiscard]] PolicyTraits traits_of(const PolicySpec& spec);
[[nodiscard]] std::string_view kind_of(const PolicySpec& spec);

// Why a policy's engine cannot serve in the order that it names, with the alternatives; empty where
// it can. Derived from its traits.
[[nodiscard]] std::string why_not_in_order(const PolicySpec& policy);

// Why requests of several sequences (independent ones, or the beams of a search) cannot be served
// by them, with the alternatives; empty where they can.
enum class GroupKind { independent, beams };
[[nodiscard]] std::string why_no_groups(const PolicySpec& policy, const KvCacheSpec& kv_cache,
                                        GroupKind group);

// Why a policy and a KV manager do not combine, in a sentence that names the alternatives; empty
// where they do. Derived from their traits.
[[nodiscard]] std::string why_incompatible(const PolicySpec& policy, const KvCacheSpec& kv_cache);

}  // namespace tessera
