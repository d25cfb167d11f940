// Where a request's time goes, on engines small enough to work it out by hand: a step takes 10 ms
// and 100 us a token; contexts are free.
#include <gtest/gtest.h>

#include <map>

#include "tests/support/scenarios.hpp"
#include "tests/support/step_log.hpp"

namespace tessera {
namespace {

class PhaseLog final : public Recorder {
 public:
  void on_request_end(const RequestRecord& record) override {
    phases_.emplace(number_of(record.request.id), record.phases);
  }
  // In microseconds, without the zeros: "queued_slot 10 decode 20".
  [[nodiscard]] std::string of(std::int64_t id) const {
    std::string text;
    for (const PhaseColumn& column : phase_columns) {
      const Int128 part = (phases_.at(id).*column.part).picoseconds();
      if (part != 0) {
        text += (text.empty() ? "" : " ");
        text += column.name.substr(0, column.name.size() - std::string_view("_ms").size());
        text += " " + std::to_string(static_cast<std::int64_t>(part / 1'000'000));
      }
    }
    return text;
  }

 private:
  std::map<std::int64_t, RequestPhases> phases_;
};

Scenario engine_of(const PolicySpec& policy, std::int64_t num_blocks) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy = policy;
  PagedKvSpec paged;
  paged.num_blocks = Blocks{num_blocks};
  scenario.engine.kv_cache = paged;
  AffineCostSpec cost;
  cost.per_context_token = Duration{};
  scenario.cost = cost;
  return scenario;
}

Request at(std::int64_t id, std::int64_t arrival_us, std::int64_t prompt, std::int64_t output) {
  return a_request(id, Duration::microseconds(arrival_us), Tokens{prompt}, Tokens{output});
}

TEST(RequestPhases, WaitingForASlotIsNotWaitingForMemory) {
  PhaseLog log;
  run_listed(engine_of(VllmV1Spec{.max_num_seqs = 1}, 64), {at(0, 0, 10, 2), at(1, 1'000, 10, 1)},
             log);
  EXPECT_EQ(log.of(0), "prefill 11000 decode 10100");
  EXPECT_EQ(log.of(1), "queued_slot 20100 prefill 11000");
}

TEST(RequestPhases, MemoryBlocksTheQueueFromTheDecisionThatWasRefused) {
  PhaseLog log;
  // Three usable blocks, two of them taken: 1 is seen, and refused, when the first step ends.
  run_listed(engine_of(VllmV1Spec{}, 4), {at(0, 0, 20, 3), at(1, 1'000, 30, 1)}, log);
  EXPECT_EQ(log.of(0), "prefill 12000 decode 20200");
  EXPECT_EQ(log.of(1), "queued_slot 11000 queued_memory 20200 prefill 13000");
}

TEST(RequestPhases, AStepOfPrefillsStallsWhoeverDecodes) {
  PhaseLog log;
  run_listed(engine_of(VllmV0Spec{}, 64), {at(0, 0, 10, 2), at(1, 1'000, 40, 1)}, log);
  EXPECT_EQ(log.of(0), "prefill 11000 decode 10100 stalled 14000");
}

TEST(RequestPhases, InAMixedStepOnlyWhatThePrefillsAddStalls) {
  PhaseLog log;
  run_listed(engine_of(VllmV1Spec{}, 64), {at(0, 0, 10, 2), at(1, 1'000, 40, 1)}, log);
  EXPECT_EQ(log.of(0), "prefill 11000 decode 10100 stalled 4000");
}

TEST(RequestPhases, APreemptedRequestWaitsAndIsComputedAgain) {
  PhaseLog log;
  // As in VllmV1Rules: 1 loses its block to 0, which ends, and is computed again, 17 tokens long.
  run_listed(engine_of(VllmV1Spec{}, 3), {at(0, 0, 16, 2), at(1, 0, 16, 3)}, log);
  EXPECT_EQ(log.of(0), "prefill 13200 decode 10100");
  EXPECT_EQ(log.of(1), "prefill 13200 decode 10100 preempted 10100 recomputed 11700");
}

TEST(RequestPhases, SwappedRequestsGoOnWhereTheyWere) {
  PhaseLog log;
  Scenario scenario = engine_of(VllmV0Spec{.preemption = Preemption::swap}, 2);
  std::get<PagedKvSpec>(scenario.engine.kv_cache).watermark = 0.0;
  scenario.hardware.gpu.link_bandwidth = Bandwidth{1e12};
  run_listed(scenario, {at(0, 0, 8, 2), at(1, 0, 8, 2)}, log);
  EXPECT_EQ(log.of(0), "prefill 11600 decode 10100");
  EXPECT_EQ(log.of(1), "prefill 11600 decode 10100 swapped 10100");
}

TEST(RequestPhases, AStaticBatchHoldsTheRowsThatHaveEnded) {
  PhaseLog log;
  Scenario scenario = engine_of(StaticSpec{.max_num_seqs = 2}, 64);
  scenario.engine.kv_cache = ContiguousKvSpec{};
  run_listed(scenario, {at(0, 0, 10, 1), at(1, 0, 10, 3)}, log);
  EXPECT_EQ(log.of(0), "prefill 12000 held 20400");
  EXPECT_EQ(log.of(1), "prefill 12000 decode 20400");
}

// Without a cache a request computes its own tokens again: nobody else's prefill stalls it.
TEST(RequestPhases, WithoutACacheAStepOfOnesOwnTokensIsNoStall) {
  PhaseLog log;
  Scenario scenario = engine_of(StaticSpec{.max_num_seqs = 2}, 64);
  scenario.engine.kv_cache = NoKvSpec{};
  run_listed(scenario, {at(0, 0, 10, 1), at(1, 0, 10, 3)}, log);
  EXPECT_EQ(log.of(0), "prefill 12000 held 24600");
  EXPECT_EQ(log.of(1), "prefill 12000 decode 24600");
}

}  // namespace
}  // namespace tessera
