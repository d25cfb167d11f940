// Random workloads on random small engines: every request's fate equals the plain oracle's.
#include <gtest/gtest.h>

#include <algorithm>

#include "tessera/core/random.hpp"
#include "tessera/engine/simulate.hpp"
#include "tests/property/one_step_oracle.hpp"
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

}  // namespace
}  // namespace tessera
