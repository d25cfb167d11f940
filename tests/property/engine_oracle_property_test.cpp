// Random workloads on random small engines: every request's fate equals the plain oracle's.
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/engine/beam_search.hpp"
#include "tessera/core/random.hpp"
#include "tessera/engine/simulate.hpp"
#include "tests/property/one_step_oracle.hpp"
#include "tests/property/vllm_v0_oracle.hpp"
#include "tests/support/listed_requests.hpp"
#include "tests/support/scenarios.hpp"

namespace tessera {
namespace {

class Outcomes final : public Recorder {
 public:
  explicit Outcomes(std::size_t requests) : outcomes_(requests) {}

  void on_request_end(const RequestRecord& record) override {
    oracle::Outcome& outcome = outcomes_.at(static_cast<std::size_t>(number_of(record.request.id)));
    outcome.rejected = record.status == RequestStatus::rejected;
    if (!outcome.rejected) {
      outcome.first_token = ticks(*record.first_token);
      outcome.finished = ticks(record.ended);
      outcome.output = record.output.count();
      outcome.preemptions = record.num_preemptions;
    }
  }

  [[nodiscard]] const std::vector<oracle::Outcome>& all() const { return outcomes_; }

 private:
  static std::int64_t ticks(SimTime time) {
    return static_cast<std::int64_t>(time.since_start().picoseconds() / 100'000);
  }
  std::vector<oracle::Outcome> outcomes_;
};

class Dice {
 public:
  explicit Dice(std::uint64_t seed) : stream_(seed, "engine oracle") {}
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(stream_() % static_cast<std::uint64_t>(high - low + 1));
  }
  bool one_in(std::int64_t n) { return between(1, n) == 1; }

 private:
  RandomStream stream_;
};

oracle::Settings random_settings(Dice& dice) {
  oracle::Settings s;
  s.rules = static_cast<oracle::Rules>(dice.between(0, 2));
  s.block_size = dice.between(1, 4) * 4;
  s.usable_blocks = dice.between(1, 80);
  s.max_num_seqs = dice.between(1, 12);
  s.token_budget = dice.between(1, 96);
  s.threshold = dice.one_in(3) ? dice.between(1, 40) : 0;
  s.max_model_len = dice.between(2, 300);
  s.chunked = !dice.one_in(4);
  s.whole_prompt_gate = !dice.one_in(3);
  s.watermark_blocks = s.rules == oracle::Rules::vllm_v1 && dice.one_in(3)
                           ? dice.between(0, s.usable_blocks / 4)
                           : 0;
  if (!s.chunked) {
    s.token_budget = std::max(s.token_budget, s.max_model_len);
  }
  return s;
}

std::vector<oracle::Job> random_jobs(Dice& dice, const oracle::Settings& settings) {
  std::vector<oracle::Job> jobs;
  std::int64_t arrival = 0;
  const std::int64_t count = dice.between(1, 40);
  const std::int64_t longest = std::max<std::int64_t>(settings.max_model_len * 2 / 3, 1);
  for (std::int64_t i = 0; i < count; ++i) {
    arrival += dice.one_in(3) ? 0 : dice.between(0, 1'500'000);
    jobs.push_back({arrival, dice.between(1, longest), dice.between(1, longest)});
  }
  return jobs;
}

PolicySpec policy_of(const oracle::Settings& s) {
  switch (s.rules) {
    case oracle::Rules::orca:
      return OrcaSpec{.max_num_seqs = s.max_num_seqs};
    case oracle::Rules::faster_transformer:
      return FasterTransformerSpec{.max_num_seqs = s.max_num_seqs};
    case oracle::Rules::vllm_v1:
      break;
  }
  return VllmV1Spec{.max_num_seqs = s.max_num_seqs,
                    .max_num_batched_tokens = Tokens{s.token_budget},
                    .chunked_prefill = s.chunked,
                    .long_prefill_token_threshold = Tokens{s.threshold},
                    .reserve_full_prompt = s.whole_prompt_gate};
}

Scenario scenario_of(const oracle::Settings& s) {
  Scenario scenario = tiny_scenario();
  scenario.engine.max_model_len = Tokens{s.max_model_len};
  scenario.engine.policy = policy_of(s);
  const bool v1 = s.rules == oracle::Rules::vllm_v1;
  const std::int64_t num_blocks = s.usable_blocks + (v1 ? 1 : 0);
  PagedKvSpec paged;
  paged.block_size = Tokens{s.block_size};
  paged.num_blocks = Blocks{num_blocks};
  // A fraction that gives the watermark's whole number of blocks when it is multiplied out.
  paged.watermark =
      (static_cast<double>(s.watermark_blocks) + 0.5) / static_cast<double>(num_blocks);
  if (s.watermark_blocks == 0) {
    paged.watermark = 0.0;
  }
  paged.reserve = v1 ? BlockReserve::grow : BlockReserve::max_model_len;
  scenario.engine.kv_cache = paged;
  return scenario;
}

TEST(EngineOracle, EveryRequestEndsAsInThePlainEngine) {
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    Dice dice(seed);
    const oracle::Settings settings = random_settings(dice);
    const std::vector<oracle::Job> jobs = random_jobs(dice, settings);
    std::vector<Request> requests;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      requests.push_back(a_request(static_cast<std::int64_t>(i),
                                   Duration::nanoseconds(100) * jobs[i].arrival,
                                   Tokens{jobs[i].prompt}, Tokens{jobs[i].output}));
    }
    ListedRequests source(requests);
    Outcomes outcomes(jobs.size());
    simulate(scenario_of(settings), source, outcomes);
    ASSERT_EQ(outcomes.all(), oracle::run(settings, jobs)) << "seed " << seed;
  }
}

oracle::GroupSettings random_group_settings(Dice& dice) {
  oracle::GroupSettings s;
  s.block_size = dice.between(1, 3) * 2;
  // At least what the largest request needs alone.
  s.watermark_blocks = dice.one_in(2) ? dice.between(0, 5) : 0;
  s.num_blocks =
      24 / s.block_size + 4 * (30 / s.block_size + 3) + s.watermark_blocks + dice.between(0, 12);
  s.max_num_seqs = dice.between(4, 16);
  s.token_budget = dice.between(60, 200);
  return s;
}

std::vector<oracle::GroupJob> random_groups(Dice& dice) {
  std::vector<oracle::GroupJob> jobs;
  std::int64_t arrival = 0;
  const std::int64_t count = dice.between(1, 30);
  for (std::int64_t i = 0; i < count; ++i) {
    arrival += dice.one_in(2) ? 0 : dice.between(0, 1'000'000);
    const std::int64_t sequences = dice.one_in(3) ? 1 : dice.between(2, 4);
    jobs.push_back({arrival, dice.between(1, 24), dice.between(1, 30), sequences,
                    sequences > 1 && dice.one_in(2)});
  }
  return jobs;
}

std::vector<Request> requests_of(const std::vector<oracle::GroupJob>& jobs) {
  std::vector<Request> requests;
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    Request request =
        a_request(static_cast<std::int64_t>(i), Duration::nanoseconds(100) * jobs[i].arrival,
                  Tokens{jobs[i].prompt}, Tokens{jobs[i].output});
    request.num_sequences = jobs[i].sequences;
    request.use_beam_search = jobs[i].beams;
    requests.push_back(request);
  }
  return requests;
}

Scenario group_scenario(const oracle::GroupSettings& s) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy =
      VllmV0Spec{.max_num_seqs = s.max_num_seqs, .max_num_batched_tokens = Tokens{s.token_budget}};
  PagedKvSpec paged;
  paged.block_size = Tokens{s.block_size};
  paged.num_blocks = Blocks{s.num_blocks};
  paged.watermark = s.watermark_blocks == 0 ? 0.0
                                            : (static_cast<double>(s.watermark_blocks) + 0.5) /
                                                  static_cast<double>(s.num_blocks);
  scenario.engine.kv_cache = paged;
  return scenario;
}

TEST(EngineOracle, RequestsOfSeveralSequencesEndAsWithBlockTables) {
  std::int64_t preemptions = 0;
  for (std::uint64_t seed = 1; seed <= 800; ++seed) {
    Dice dice(seed);
    const oracle::GroupSettings settings = random_group_settings(dice);
    const std::vector<oracle::GroupJob> jobs = random_groups(dice);
    const std::vector<Request> requests = requests_of(jobs);
    ListedRequests source(requests);
    Outcomes outcomes(jobs.size());
    const Scenario scenario = group_scenario(settings);
    simulate(scenario, source, outcomes);
    BeamSearch beams(scenario.seed);
    const auto expected = oracle::run_groups(
        settings, jobs, [&](std::size_t job) { return beams.next_parents(requests[job]); });
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const oracle::Outcome& seen = outcomes.all()[i];
      const oracle::GroupOutcome fate{seen.first_token, seen.finished, seen.preemptions};
      ASSERT_EQ(fate, expected[i]) << "seed " << seed << " request " << i;
      preemptions += seen.preemptions;
    }
  }
  EXPECT_GT(preemptions, 1'000);
}

}  // namespace
}  // namespace tessera
