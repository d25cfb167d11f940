// Random small scenarios: every policy with every KV manager that it combines with, in whatever
// order and on whatever workload they serve, with pools that are too small as often as not.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tessera/core/random.hpp"
#include "tessera/scheduling/batch_policy.hpp"
#include "tests/support/scenarios.hpp"

namespace tessera {

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : stream_(seed, "spans") {}
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(stream_() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool one_in(std::int64_t n) { return between(1, n) == 1; }

 private:
  RandomStream stream_;
};

inline VllmV1Spec random_vllm_v1(Dice& dice, Tokens max_model_len) {
  VllmV1Spec spec;
  spec.version = static_cast<VllmV1Version>(dice.between(0, 2));
  spec.max_num_seqs = dice.between(1, 12);
  spec.max_num_batched_tokens = Tokens{dice.between(1, 96)};
  spec.chunked_prefill = !dice.one_in(4);
  spec.long_prefill_token_threshold = Tokens{dice.one_in(3) ? dice.between(1, 40) : 0};
  spec.reserve_full_prompt = !dice.one_in(3);
  if (!spec.chunked_prefill) {
    spec.max_num_batched_tokens = std::max(spec.max_num_batched_tokens, max_model_len);
  }
  return spec;
}

inline VllmV0Spec random_vllm_v0(Dice& dice, Tokens max_model_len) {
  return {.version = static_cast<VllmV0Version>(dice.between(0, 2)),
          .order = dice.one_in(4) ? Order::priority : Order::fcfs,
          .preemption = static_cast<Preemption>(dice.between(0, 1)),
          .max_num_seqs = dice.between(1, 12),
          .max_num_batched_tokens = max_model_len,
          .chunked_prefill = dice.one_in(4)};
}

inline PolicySpec random_token_policy(Dice& dice, Tokens max_model_len) {
  if (dice.one_in(2)) {
    return LightLlmSpec{.running_max_req_size = dice.between(1, 12),
                        .batch_max_tokens = max_model_len + Tokens{dice.between(0, 200)},
                        .router_token_ratio = 0.1 * static_cast<double>(dice.between(0, 10)),
                        .router_max_new_token_len = Tokens{dice.between(1, 300)},
                        .router_max_wait_tokens = dice.between(1, 12)};
  }
  SglangSpec spec;
  spec.schedule_policy = static_cast<SglangOrder>(dice.between(0, 1));
  spec.max_running_requests = dice.between(1, 12);
  if (dice.one_in(2)) {
    spec.chunked_prefill_size.reset();
  } else {
    spec.chunked_prefill_size = Tokens{dice.between(32, 300)};
  }
  spec.max_prefill_tokens = Tokens{dice.between(1, 400)};
  spec.schedule_conservativeness = 0.1 * static_cast<double>(dice.between(1, 15));
  return spec;
}

inline PolicySpec random_tgi(Dice& dice, Tokens max_model_len) {
  TgiSpec spec;
  spec.max_batch_size = dice.between(1, 12);
  spec.max_batch_prefill_tokens = max_model_len + Tokens{dice.between(0, 100)};
  spec.waiting_served_ratio = 0.1 * static_cast<double>(dice.between(0, 20));
  spec.max_waiting_tokens = dice.between(0, 30);
  spec.chunked_prefill = dice.one_in(3);
  return spec;
}

inline PolicySpec random_policy(Dice& dice, Tokens max_model_len) {
  const std::int64_t sequences = dice.between(1, 12);
  switch (dice.between(0, 11)) {
    case 0: {
      VllmV1Spec spec = random_vllm_v1(dice, max_model_len);
      spec.order = static_cast<Order>(dice.between(0, 5));
      spec.prediction_error = dice.one_in(2) ? 0.5 : 0.0;
      return spec;
    }
    case 1:
      return random_vllm_v0(dice, max_model_len);
    case 2:
      return SarathiSpec{.max_num_seqs = sequences, .chunk_size = Tokens{dice.between(12, 64)}};
    case 3:
      return SimpleChunkingSpec{.max_num_seqs = sequences,
                                .chunk_size = Tokens{dice.between(12, 64)}};
    case 4:
      return StaticSpec{.max_num_seqs = sequences};
    case 5:
      return OrcaSpec{.order = static_cast<Order>(dice.between(0, 4)), .max_num_seqs = sequences};
    case 6:
      return FasterTransformerSpec{.max_num_seqs = sequences};
    case 7:
      return FastGenSpec{.max_ragged_sequence_count = sequences,
                         .max_ragged_batch_size = Tokens{dice.between(8, 96)}};
    case 8:
      return random_token_policy(dice, max_model_len);
    case 9:
      return TensorRtLlmSpec{
          .capacity_scheduler_policy = static_cast<CapacityPolicy>(dice.between(0, 2)),
          .max_batch_size = sequences,
          .max_num_tokens = max_model_len + Tokens{dice.between(0, 96)},
          .enable_chunked_context = dice.one_in(2)};
    case 10:
      return StaticSpec{.max_num_seqs = sequences};
    default:
      return random_tgi(dice, max_model_len);
  }
}

inline PagedKvSpec random_paged(Dice& dice) {
  PagedKvSpec paged;
  paged.block_size = Tokens{dice.between(1, 20)};
  paged.num_blocks = Blocks{dice.between(2, dice.one_in(3) ? 20 : 200)};
  paged.prefix_caching = dice.one_in(8);
  paged.reserve = dice.one_in(6) ? BlockReserve::max_model_len : BlockReserve::grow;
  if (dice.one_in(3)) {
    paged.watermark = 0.01 * static_cast<double>(dice.between(0, 30));
  }
  return paged;
}

// A token takes 256 bytes, half of them for keys.
inline VirtualKvSpec random_virtual(Dice& dice) {
  VirtualKvSpec spec;
  spec.page_size = Bytes{128 * dice.between(1, 40)};
  spec.deferred_reclamation = dice.one_in(2);
  spec.ahead = Tokens{dice.between(0, 12)};
  return spec;
}

inline KvCacheSpec random_kv_cache(Dice& dice) {
  const Tokens page{std::int64_t{1} << dice.between(0, 4)};
  const Tokens pool{dice.between(64, dice.one_in(3) ? 200 : 2000)};
  switch (dice.between(0, 10)) {
    case 0:
      return ContiguousKvSpec{.reserve = static_cast<Reserve>(dice.between(0, 2)),
                              .placement = static_cast<Placement>(dice.between(0, 2))};
    case 1:
      return TokenKvSpec{.max_total_token_num = pool};
    case 2:
      return RadixKvSpec{.page_size = page, .max_total_tokens = pool};
    case 3:
      return TensorRtLlmKvSpec{.tokens_per_block = page, .max_tokens = pool};
    case 4:
      return TgiKvSpec{.block_size = page,
                       .num_blocks = Blocks{pool / page},
                       .speculate = Tokens{dice.between(0, 3)}};
    case 5:
      return StaticCacheKvSpec{};
    case 6:
      return random_virtual(dice);
    case 7:
      switch (dice.between(0, 2)) {
        case 0:
          return ConcatKvSpec{};
        case 1:
          return NoKvSpec{};
        default:
          return CellsKvSpec{.num_cells = pool,
                             .choice = static_cast<CellChoice>(dice.between(0, 1)),
                             .slots = std::nullopt};
      }
    default:
      return random_paged(dice);
  }
}

// Times in whole milliseconds, so that arrivals meet the ends of steps.
inline CostSpec random_cost(Dice& dice) {
  if (dice.one_in(4)) {
    return RooflineCostSpec{};
  }
  return AffineCostSpec{
      .base = Duration::milliseconds(dice.between(dice.one_in(20) ? 0 : 1, 8)),
      .per_token = Duration::milliseconds(dice.between(0, 1)),
      .per_context_token = Duration::microseconds(dice.one_in(2) ? dice.between(0, 50) : 0),
      .per_sequence = Duration::milliseconds(dice.between(0, 1))};
}

inline void choose_workload(Dice& dice, WorkloadSpec& workload, std::int64_t longest) {
  workload.requests = dice.between(1, 60);
  switch (dice.between(0, 4)) {
    case 0:
      workload.arrivals = BurstArrivals{};
      break;
    case 1:
      workload.arrivals =
          ConstantArrivals{.rate = Rate{100.0 / static_cast<double>(dice.between(1, 200))}};
      break;
    case 2:
      workload.arrivals = ClosedLoopArrivals{
          .users = dice.between(1, 9), .think_time = Duration::milliseconds(dice.between(0, 300))};
      break;
    default:
      workload.arrivals =
          PoissonArrivals{.rate = Rate{100.0 / static_cast<double>(dice.between(1, 200))}};
  }
  workload.prompt_tokens = UniformLength{.min = Tokens{1}, .max = Tokens{dice.between(1, longest)}};
  workload.output_tokens = UniformLength{.min = Tokens{1}, .max = Tokens{dice.between(1, longest)}};
}

// Who else may ask, and how they may go away.
inline void choose_clients(Dice& dice, Scenario& scenario) {
  WorkloadSpec& workload = scenario.workload;
  if (dice.one_in(3)) {
    workload.tenants = CategorySpec{.count = dice.between(1, 4)};
    workload.priorities = CategorySpec{.count = dice.between(1, 3)};
    workload.deadline = Duration::milliseconds(dice.between(100, 9000));
  }
  if (dice.one_in(4)) {
    workload.shared_prefixes =
        SharedPrefixSpec{.groups = dice.between(1, 3), .tokens = Tokens{dice.between(1, 60)}};
  }
  if (dice.one_in(5)) {
    workload.cancellations =
        CancellationSpec{.fraction = 0.4, .mean_after = Duration::milliseconds(800)};
  }
  if (dice.one_in(5)) {
    workload.client_timeout = Duration::milliseconds(dice.between(50, 6000));
  }
  if (dice.one_in(5)) {
    workload.max_output_tokens = UniformLength{.min = Tokens{1}, .max = Tokens{200}};
  }
  const bool beams = dice.one_in(3);
  const std::int64_t most = traits_of(scenario.engine.policy).max_num_seqs;
  if (dice.one_in(8) && most > 1 &&
      why_no_groups(scenario.engine.policy, scenario.engine.kv_cache,
                    beams ? GroupKind::beams : GroupKind::independent)
          .empty()) {
    workload.sampling =
        SamplingSpec{.n = dice.between(1, most), .best_of = std::nullopt, .use_beam_search = beams};
  }
}

inline Scenario common_scenario(Dice& dice, std::uint64_t seed) {
  Scenario scenario = tiny_scenario();
  scenario.seed = seed;
  scenario.hardware.gpu.link_bandwidth = Bandwidth{12e9};
  scenario.engine.max_model_len = Tokens{dice.between(2, dice.one_in(4) ? 2000 : 300)};
  return scenario;
}

inline void finish(Dice& dice, Scenario& scenario) {
  scenario.cost = random_cost(dice);
  scenario.engine.overheads.step = Duration::microseconds(dice.between(0, 3000));
  scenario.engine.overheads.launch = Duration::microseconds(dice.between(0, 20));
  choose_workload(dice, scenario.workload,
                  std::max<std::int64_t>(scenario.engine.max_model_len->count() * 2 / 3, 1));
  scenario.output.iterations = true;
  scenario.output.memory = SeriesSpec{Duration::milliseconds(dice.between(1, 700))};
  scenario.output.timeseries = SeriesSpec{Duration::milliseconds(dice.between(1, 700))};
}

// Now and then a node of several engines.
inline void choose_node(Dice& dice, Scenario& scenario) {
  if (dice.one_in(3)) {
    scenario.hardware.count = dice.between(2, 4);
    scenario.engine.parallel.replicas = scenario.hardware.count;
    scenario.engine.parallel.router = static_cast<Router>(dice.between(0, 5));
  }
}

// What the span engine is for, now and then with something that it leaves to others.
inline Scenario random_span_scenario(std::uint64_t seed) {
  Dice dice(seed);
  Scenario scenario = common_scenario(dice, seed);
  scenario.engine.policy = random_vllm_v1(dice, *scenario.engine.max_model_len);
  scenario.engine.kv_cache = random_paged(dice);
  finish(dice, scenario);
  choose_node(dice, scenario);
  return scenario;
}

// Whatever combines.
inline Scenario random_scenario(std::uint64_t seed) {
  Dice dice(seed);
  while (true) {
    Scenario scenario = common_scenario(dice, seed);
    scenario.engine.policy = random_policy(dice, *scenario.engine.max_model_len);
    scenario.engine.kv_cache = random_kv_cache(dice);
    if (!why_incompatible(scenario.engine.policy, scenario.engine.kv_cache).empty() ||
        !why_not_in_order(scenario.engine.policy).empty()) {
      continue;
    }
    // A pool that the spec does not fix holds from one to some of the longest sequences.
    const bool is_free =
        std::visit([](const auto& kv) { return !kv.fixed_pool(); }, scenario.engine.kv_cache);
    if (is_free && dice.one_in(2)) {
      scenario.engine.memory.kv_cache_memory =
          Bytes{256 * scenario.engine.max_model_len->count() * dice.between(1, 12)};
    }
    finish(dice, scenario);
    choose_clients(dice, scenario);
    // Who ties with others in every key of vLLM's is preempted for as long as they run, so that in
    // a small pool they may take turns for ever.
    if (traits_of(scenario.engine.policy).order != Order::fcfs) {
      scenario.workload.arrivals = PoissonArrivals{.rate = Rate{2.0}};
      scenario.workload.sampling.reset();
    }
    choose_node(dice, scenario);
    return scenario;
  }
}

}  // namespace tessera
