// Every policy with every KV manager that it combines with, on random workloads: the invariants of
// a run hold at every event, and all requests end.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <set>
#include <sstream>

#include "tessera/core/random.hpp"
#include "tessera/engine/simulate.hpp"
#include "tests/support/listed_requests.hpp"
#include "tests/support/scenarios.hpp"

namespace tessera {
namespace {

class Invariants final : public Recorder {
 public:
  void on_step(const StepRecord& record) override {
    EXPECT_GE(record.start, last_end_);
    EXPECT_EQ(record.end - record.start, record.time.total());
    EXPECT_TRUE(record.step->tokens > Tokens{0} || !record.step->preempted.empty());
    last_end_ = record.end;
    stalled_ += stall_of(record);
    stalls_[record.end] = stalled_;
    for (const Sequence* sequence : record.step->admitted) {
      running_.insert(sequence->kv.id);
    }
    for (const Sequence* sequence : record.step->swapped_in) {
      running_.insert(sequence->kv.id);
    }
    for (const Sequence* sequence : record.step->preempted) {
      EXPECT_EQ(running_.erase(sequence->kv.id), 1U);
    }
    preemptions_ += static_cast<std::int64_t>(record.step->preempted.size());
  }

  void on_usage(const UsageRecord& record) override {
    record.ledger.audit();
    EXPECT_GE(record.time, last_usage_);
    last_usage_ = record.time;
    const KvUsage& kv = record.ledger.kv;
    EXPECT_LE(kv.live, kv.reserved());
    EXPECT_LE(kv.largest_free, kv.free());
    last_running_ = record.queues.running;
    if (record.queues.running == 0) {
      EXPECT_EQ(kv.reserved(), kv.cached_prefix);
    }
  }

  void on_request_end(const RequestRecord& record) override {
    ++ended_;
    EXPECT_LE(record.kv_peak_written, record.kv_peak_reserved);
    if (record.status == RequestStatus::rejected) {
      return;
    }
    EXPECT_GE(record.kv_wasted_byte_picoseconds, 0);
    EXPECT_EQ(record.phases.total(), record.ended - record.request.arrival);
    ended_preemptions_ += record.num_preemptions;
    if (record.status != RequestStatus::finished) {
      EXPECT_LE(record.request.gives_up_at, record.ended);
      EXPECT_LE(record.output, record.request.output);
      ++given_up_;
      return;
    }
    EXPECT_GE(record.request.gives_up_at, record.ended);
    EXPECT_LE(record.request.arrival, *record.scheduled);
    EXPECT_LT(*record.scheduled, *record.first_token);
    EXPECT_LE(*record.first_token, record.ended);
    // The sequences of a request may take their turns.
    if (record.request.num_sequences == 1) {
      check_phases(record);
    }
  }

  [[nodiscard]] std::int64_t given_up() const { return given_up_; }
  void check_end(std::int64_t arrived) const {
    EXPECT_EQ(ended_, arrived);
    EXPECT_EQ(last_running_, 0);
    EXPECT_EQ(preemptions_, ended_preemptions_);
  }

 private:
  // What the affine cost says that a step's prefills add to its decodes. Without a KV cache those
  // compute all of their tokens again.
  static Duration stall_of(const StepRecord& record) {
    Tokens of_prefills{0};
    Tokens of_others{0};
    for (const StepEntry& entry : record.step->entries) {
      const bool again = !record.step->writes_kv && entry.sequence->generated > Tokens{1};
      if (!entry.withdrawn) {
        (entry.kind == EntryKind::prefill && !again ? of_prefills : of_others) +=
            entry.tokens * entry.rows;
      }
    }
    const AffineCostSpec cost;
    return of_prefills == Tokens{0} ? Duration{}
           : of_others == Tokens{0} ? record.time.total()
                                    : cost.per_token * of_prefills.count();
  }

  // Where the time went sums to it, and without preemption each part is that of the instants.
  void check_phases(const RequestRecord& record) const {
    const RequestPhases& phases = record.phases;
    for (const PhaseColumn& column : phase_columns) {
      EXPECT_GE(phases.*column.part, Duration{}) << column.name;
    }
    EXPECT_EQ(phases.queued_slot + phases.queued_memory,
              *record.scheduled - record.request.arrival);
    if (record.num_preemptions > 0) {
      return;
    }
    EXPECT_EQ(phases.prefill, *record.first_token - *record.scheduled);
    EXPECT_EQ(phases.preempted + phases.recomputed + phases.swapped, Duration{});
    if (phases.held == Duration{}) {
      EXPECT_EQ(phases.stalled, stalls_.at(record.ended) - stalls_.at(*record.first_token));
    }
  }

  Duration stalled_;                    // what prefills have taken so far
  std::map<SimTime, Duration> stalls_;  // the same when each step ends
  SimTime last_end_;
  SimTime last_usage_;
  std::set<SequenceId> running_;
  std::int64_t ended_ = 0;
  std::int64_t given_up_ = 0;
  std::int64_t last_running_ = 0;
  std::int64_t preemptions_ = 0;
  std::int64_t ended_preemptions_ = 0;
};

// Whoever is new to the registry takes part with its default settings.
template <class... Specs>
void add_missing_kinds(std::vector<std::variant<Specs...>>& specs) {
  const auto add = [&]<class Spec>(const Spec& spec) {
    const bool present = std::any_of(specs.begin(), specs.end(), [](const auto& other) {
      return std::holds_alternative<Spec>(other);
    });
    if (!present) {
      specs.emplace_back(spec);
    }
  };
  (add(Specs{}), ...);
}

// The orders that a policy can serve in.
std::vector<Order> orders_of(const PolicySpec& policy) {
  std::vector<Order> orders;
  for (std::size_t i = 0; i < EnumNames<Order>::names.size(); ++i) {
    if (traits_of(policy).orders.contains(static_cast<Order>(i))) {
      orders.push_back(static_cast<Order>(i));
    }
  }
  return orders;
}

// One spec of every alternative, with the settings that matter varied.
std::vector<PolicySpec> policies() {
  std::vector<PolicySpec> specs;
  for (const std::int64_t limit : {1, 3, 16}) {
    specs.emplace_back(VllmV1Spec{.max_num_seqs = limit, .max_num_batched_tokens = Tokens{48}});
    specs.emplace_back(VllmV1Spec{
        .max_num_seqs = limit, .max_num_batched_tokens = Tokens{256}, .chunked_prefill = false});
    specs.emplace_back(VllmV1Spec{.order = Order::priority,
                                  .async_scheduling = true,
                                  .max_num_seqs = limit,
                                  .max_num_batched_tokens = Tokens{64}});
    for (const Order order : orders_of(VllmV1Spec{})) {
      specs.emplace_back(VllmV1Spec{.order = order,
                                    .max_num_seqs = limit,
                                    .max_num_batched_tokens = Tokens{64},
                                    .prediction_error = 0.5});
    }
    specs.emplace_back(VllmV0Spec{.max_num_seqs = limit, .max_num_batched_tokens = Tokens{256}});
    specs.emplace_back(VllmV0Spec{.order = Order::priority,
                                  .preemption = Preemption::swap,
                                  .max_num_seqs = limit,
                                  .max_num_batched_tokens = Tokens{256}});
    specs.emplace_back(VllmV0Spec{
        .max_num_seqs = limit, .max_num_batched_tokens = Tokens{64}, .chunked_prefill = true});
    specs.emplace_back(SarathiSpec{.max_num_seqs = limit, .chunk_size = Tokens{32}});
    specs.emplace_back(SimpleChunkingSpec{.max_num_seqs = limit, .chunk_size = Tokens{32}});
    specs.emplace_back(StaticSpec{.max_num_seqs = limit});
    for (const Order order : orders_of(OrcaSpec{})) {
      specs.emplace_back(OrcaSpec{.order = order, .max_num_seqs = limit});
    }
    specs.emplace_back(FasterTransformerSpec{.max_num_seqs = limit});
    specs.emplace_back(
        FastGenSpec{.max_ragged_sequence_count = limit, .max_ragged_batch_size = Tokens{48}});
    specs.emplace_back(LightLlmSpec{.running_max_req_size = limit});
    specs.emplace_back(LightLlmSpec{.running_max_req_size = limit,
                                    .router_token_ratio = 0.9,
                                    .router_max_new_token_len = Tokens{8},
                                    .router_max_wait_tokens = 3});
    specs.emplace_back(SglangSpec{.max_running_requests = limit,
                                  .chunked_prefill_size = Tokens{48},
                                  .schedule_conservativeness = 0.2});
    specs.emplace_back(SglangSpec{.schedule_policy = SglangOrder::fcfs,
                                  .max_running_requests = limit,
                                  .chunked_prefill_size = std::nullopt});
    for (const CapacityPolicy capacity :
         {CapacityPolicy::guaranteed_no_evict, CapacityPolicy::max_utilization,
          CapacityPolicy::static_batch}) {
      specs.emplace_back(TensorRtLlmSpec{.capacity_scheduler_policy = capacity,
                                         .max_batch_size = limit,
                                         .max_num_tokens = Tokens{48}});
    }
    specs.emplace_back(TensorRtLlmSpec{.capacity_scheduler_policy = CapacityPolicy::max_utilization,
                                       .max_batch_size = limit,
                                       .max_num_tokens = Tokens{256},
                                       .enable_chunked_context = false});
    specs.emplace_back(TgiSpec{.max_batch_size = limit, .max_waiting_tokens = 5});
    specs.emplace_back(TgiSpec{.max_batch_size = limit,
                               .max_batch_prefill_tokens = Tokens{40},
                               .max_batch_total_tokens = Tokens{600},
                               .chunked_prefill = true});
  }
  add_missing_kinds(specs);
  return specs;
}

std::vector<KvCacheSpec> kv_caches() {
  std::vector<KvCacheSpec> specs;
  for (const std::int64_t block_size : {1, 8}) {
    PagedKvSpec paged;
    paged.block_size = Tokens{block_size};
    paged.num_blocks = Blocks{640 / block_size};
    specs.emplace_back(paged);
    paged.prefix_caching = true;
    specs.emplace_back(paged);
    paged.prefix_caching = false;
    paged.reserve = BlockReserve::max_model_len;
    specs.emplace_back(paged);
  }
  // Hardly larger than one request, most of it withheld by the watermark.
  PagedKvSpec tight;
  tight.block_size = Tokens{8};
  tight.num_blocks = Blocks{40};
  tight.watermark = 0.3;
  specs.emplace_back(tight);
  for (const Reserve reserve : {Reserve::max, Reserve::pow2, Reserve::oracle}) {
    for (const Placement placement :
         {Placement::buddy, Placement::best_fit, Placement::first_fit}) {
      specs.emplace_back(ContiguousKvSpec{.reserve = reserve, .placement = placement});
    }
  }
  for (const CellChoice choice : {CellChoice::contiguous, CellChoice::any}) {
    CellsKvSpec cells;
    cells.num_cells = Tokens{700};
    cells.choice = choice;
    specs.emplace_back(cells);
    cells.slots = 2;
    specs.emplace_back(cells);
  }
  VirtualKvSpec pages;
  pages.page_size = Bytes{1100};  // eight tokens, and a bit
  specs.emplace_back(pages);
  pages.deferred_reclamation = false;
  specs.emplace_back(pages);
  ConcatKvSpec concat;
  specs.emplace_back(concat);
  concat.form = CacheForm::tuple;
  concat.allocator.expandable_segments = true;
  specs.emplace_back(concat);
  specs.emplace_back(StaticCacheKvSpec{});
  specs.emplace_back(NoKvSpec{});
  specs.emplace_back(TokenKvSpec{.max_total_token_num = Tokens{500}});
  for (const std::int64_t block_size : {1, 8}) {
    specs.emplace_back(
        RadixKvSpec{.page_size = Tokens{block_size}, .max_total_tokens = Tokens{600}});
    specs.emplace_back(
        TensorRtLlmKvSpec{.tokens_per_block = Tokens{block_size}, .max_tokens = Tokens{600}});
    specs.emplace_back(
        TgiKvSpec{.block_size = Tokens{block_size}, .num_blocks = Blocks{700 / block_size}});
  }
  add_missing_kinds(specs);
  return specs;
}

bool has_fixed_pool(const KvCacheSpec& kv_cache) {
  return std::visit([](const auto& spec) { return spec.fixed_pool().has_value(); }, kv_cache);
}

// Tensors of a batch lie in segments of 2 MiB, one each and one more.
Bytes scarce_pool(const Scenario& scenario) {
  return traits_of(scenario.engine.kv_cache).batch_shaped
             ? Bytes{18 << 20}
             : Bytes{700} * kv_bytes_per_token(scenario.model, KvFormat::fp16).count();
}

// A card whose KV pool holds about 700 tokens.
Scenario scarce_scenario(const PolicySpec& policy, const KvCacheSpec& kv_cache) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy = policy;
  scenario.engine.kv_cache = kv_cache;
  scenario.engine.max_model_len = Tokens{256};
  if (!has_fixed_pool(kv_cache)) {
    const auto plan = plan_memory(scenario);
    const auto& roomy = std::get<MemoryPlan>(plan);
    const Bytes others = roomy.driver + roomy.weights + roomy.workspace;
    scenario.engine.memory.utilization = 1.0;
    scenario.engine.overheads.cuda_graphs.reset();
    scenario.hardware.gpu.memory = others + scarce_pool(scenario);
  }
  return scenario;
}

std::vector<Request> random_requests(std::uint64_t seed) {
  RandomStream stream(seed, "invariants");
  std::vector<Request> requests;
  Duration arrival;
  const auto pick = [&](std::uint64_t n) { return static_cast<std::int64_t>(stream() % n); };
  for (std::int64_t id = 0; id < 60; ++id) {
    arrival += pick(3) == 0 ? Duration{} : Duration::milliseconds(pick(120));
    Request request = a_request(id, arrival, Tokens{1 + pick(140)}, Tokens{1 + pick(100)});
    request.priority = pick(3);
    request.tenant = pick(3);
    if (pick(2) == 0) {
      request.deadline = request.arrival + Duration::milliseconds(pick(5'000));
    }
    if (pick(2) == 0) {
      request.max_output = request.output + Tokens{pick(60)};
    }
    request.content.group = pick(4);
    request.content.shared_prefix = Tokens{pick(64)};
    // Some clients go away, while they wait, are computed, or have been served.
    if (seed == 3 && pick(2) == 0) {
      request.gives_up_at = request.arrival + Duration::milliseconds(1 + pick(2'000));
      request.gives_up = pick(2) == 0 ? GivesUp::cancels : GivesUp::times_out;
    }
    requests.push_back(request);
  }
  return requests;
}

// Requests of one to four sequences, half of them beams where the policy searches.
std::vector<Request> random_groups(std::uint64_t seed, GroupKind kind) {
  std::vector<Request> requests = random_requests(seed);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    requests[i].num_sequences = static_cast<std::int64_t>(1 + i % 4);
    requests[i].use_beam_search = kind == GroupKind::beams && i % 8 >= 4;
  }
  return requests;
}

TEST(EngineInvariants, HoldForRequestsOfSeveralSequences) {
  std::set<std::string> kinds;
  for (const PolicySpec& policy : policies()) {
    for (const KvCacheSpec& kv_cache : kv_caches()) {
      for (const GroupKind kind : {GroupKind::independent, GroupKind::beams}) {
        if (!why_incompatible(policy, kv_cache).empty() ||
            !why_no_groups(policy, kv_cache, kind).empty() || traits_of(policy).max_num_seqs < 4) {
          continue;
        }
        Scenario scenario = scarce_scenario(policy, kv_cache);
        scenario.hardware.gpu.link_bandwidth = Bandwidth{1e10};
        kinds.insert(std::string(kind_of(policy)));
        for (std::uint64_t seed = 1; seed <= 3; ++seed) {
          SCOPED_TRACE(std::string(kind_of(policy)) + " with " + std::string(kind_of(kv_cache)) +
                       ", seed " + std::to_string(seed));
          const std::vector<Request> requests = random_groups(seed, kind);
          ListedRequests source(requests);
          Invariants invariants;
          ASSERT_NO_THROW(simulate(scenario, source, invariants));
          invariants.check_end(static_cast<std::int64_t>(requests.size()));
          ASSERT_FALSE(::testing::Test::HasFailure());
        }
      }
    }
  }
  EXPECT_EQ(kinds, (std::set<std::string>{"vllm_v0", "vllm_v1"}));
}

// Keeps how each request ended, and lets the engine take many steps at once where it can.
class Fates final : public Recorder {
 public:
  void on_span(const SpanRecord&) override {}
  [[nodiscard]] bool takes_spans() const override { return true; }
  void on_request_end(const RequestRecord& record) override {
    std::ostringstream text;
    text << number_of(record.request.id) << " " << static_cast<int>(record.status) << " "
         << static_cast<std::int64_t>(record.ended.since_start().picoseconds()) << " "
         << record.output.count() << " " << record.num_preemptions << " "
         << record.kv_peak_reserved.count();
    for (const PhaseColumn& column : phase_columns) {
      text << " " << static_cast<std::int64_t>((record.phases.*column.part).picoseconds());
    }
    all.push_back(text.str());
  }
  std::vector<std::string> all;
};

std::vector<std::string> fates(Scenario scenario, const std::vector<Request>& requests,
                               Advance advance) {
  scenario.engine.advance = advance;
  ListedRequests source(requests);
  Fates fates;
  simulate(scenario, source, fates);
  return fates.all;
}

TEST(EngineInvariants, HoldForEveryPolicyWithEveryKvManager) {
  std::set<std::string> pairs;
  std::int64_t settings = 0;
  std::int64_t in_spans = 0;
  for (const PolicySpec& policy : policies()) {
    for (const KvCacheSpec& kv_cache : kv_caches()) {
      if (!why_incompatible(policy, kv_cache).empty()) {
        continue;
      }
      ++settings;
      pairs.insert(std::string(kind_of(policy)) + " " +
                   std::string(name_of(traits_of(policy).order)) + " with " +
                   std::string(kind_of(kv_cache)));
      const Scenario scenario = scarce_scenario(policy, kv_cache);
      for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        SCOPED_TRACE(std::string(kind_of(policy)) + " with " + std::string(kind_of(kv_cache)) +
                     ", seed " + std::to_string(seed));
        const std::vector<Request> requests = random_requests(seed);
        ListedRequests source(requests);
        Invariants invariants;
        ASSERT_NO_THROW(simulate(scenario, source, invariants));
        invariants.check_end(static_cast<std::int64_t>(requests.size()));
        EXPECT_EQ(invariants.given_up() > 0, seed == 3);
        // Where an engine takes many steps at once, one step at a time must give the same.
        if (why_step_by_step(scenario, source.traits(), Fates()).empty()) {
          ++in_spans;
          EXPECT_EQ(fates(scenario, requests, Advance::span),
                    fates(scenario, requests, Advance::step));
        }
        ASSERT_FALSE(::testing::Test::HasFailure());
      }
    }
  }
  std::cout << pairs.size() << " pairs, " << settings << " settings\n";
  EXPECT_GT(pairs.size(), 60U);
  EXPECT_GT(settings, 500);
  EXPECT_GT(in_spans, 20);
}

}  // namespace
}  // namespace tessera
