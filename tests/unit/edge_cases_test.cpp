// The smallest and the oddest runs, with their exact outcome.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <variant>
#include <vector>

#include "tessera/config/load.hpp"
#include "tessera/engine/simulate.hpp"
#include "tests/support/listed_requests.hpp"
#include "tests/support/scenarios.hpp"

namespace tessera {
namespace {

using namespace literals;

class Outcome final : public Recorder {
 public:
  void on_request_end(const RequestRecord& record) override { requests.push_back(record); }
  void on_usage(const UsageRecord& record) override {
    record.ledger.audit();
    most_reserved = std::max(most_reserved, record.ledger.kv.reserved());
  }
  void on_end(const RunEnd& end) override {
    time = end.time;
    iterations = end.iterations;
  }

  std::vector<RequestRecord> requests;
  Bytes most_reserved{0};
  SimTime time;
  std::int64_t iterations = 0;
};

void run(const Scenario& scenario, std::vector<Request> requests, Outcome& outcome) {
  ListedRequests source(std::move(requests));
  simulate(scenario, source, outcome);
}

// 256 bytes a token; 10 ms a step, 100 us a token, 100 ns a token of decoded context.
Scenario paged_scenario(Blocks blocks) {
  Scenario scenario = tiny_scenario();
  PagedKvSpec paged;
  paged.num_blocks = blocks;
  scenario.engine.kv_cache = paged;
  return scenario;
}

TEST(EdgeCases, APoolOfOneBlockServesWhatFitsIt) {
  // vLLM's null block is another.
  Outcome outcome;
  run(paged_scenario(2_blocks),
      {a_request(0, {}, 10_tokens, 7_tokens), a_request(1, {}, 10_tokens, 8_tokens),
       a_request(2, {}, 16_tokens, 1_tokens)},
      outcome);
  ASSERT_EQ(outcome.requests.size(), 3U);
  EXPECT_EQ(number_of(outcome.requests[0].request.id), 1);  // 17 entries
  EXPECT_EQ(outcome.requests[0].reason, EndReason::exceeds_pool);
  EXPECT_EQ(outcome.requests[1].output, 7_tokens);
  EXPECT_EQ(outcome.requests[1].kv_peak_written, 256_bytes * 16);
  EXPECT_EQ(outcome.requests[2].output, 1_tokens);
  EXPECT_EQ(outcome.iterations, 8);
  EXPECT_EQ(outcome.most_reserved, 256_bytes * 16);
}

// It once waited for ever: each admission leaves the watermark's block free, and there are no more.
TEST(EdgeCases, WhoReservesAllButTheWatermarkOfVllmV0IsRejected) {
  for (const std::int64_t blocks : {8, 9}) {
    Scenario scenario = paged_scenario(Blocks{blocks});
    scenario.engine.policy = VllmV0Spec{};
    scenario.engine.max_model_len = 128_tokens;
    auto& paged = std::get<PagedKvSpec>(scenario.engine.kv_cache);
    paged.reserve = BlockReserve::max_model_len;
    paged.watermark = 0.13;
    Outcome outcome;
    run(scenario, {a_request(0, {}, 10_tokens, 5_tokens)}, outcome);
    ASSERT_EQ(outcome.requests.size(), 1U);
    const bool fits = blocks == 9;
    EXPECT_EQ(outcome.requests[0].status, fits ? RequestStatus::finished : RequestStatus::rejected);
    EXPECT_EQ(outcome.requests[0].reason, fits ? EndReason::none : EndReason::exceeds_pool);
  }
}

TEST(EdgeCases, ARequestOfOneTokenTakesOneStepAndOneEntry) {
  Outcome outcome;
  run(paged_scenario(2_blocks), {a_request(0, {}, 1_tokens, 1_tokens)}, outcome);
  ASSERT_EQ(outcome.requests.size(), 1U);
  EXPECT_EQ(outcome.requests[0].kv_peak_written, 256_bytes);
  EXPECT_EQ(outcome.requests[0].ttft(), Duration::microseconds(10'100));
  EXPECT_EQ(outcome.requests[0].e2el(), Duration::microseconds(10'100));
  EXPECT_FALSE(outcome.requests[0].tpot().has_value());
  EXPECT_EQ(outcome.iterations, 1);
}

// Sixteen prompts of 128 tokens fill a step's 2,048.
TEST(EdgeCases, AThousandIdenticalRequestsAtOnceLeaveInOrderTogether) {
  std::vector<Request> requests;
  for (std::int64_t id = 0; id < 1000; ++id) {
    requests.push_back(a_request(id, {}, 128_tokens, 1_tokens));
  }
  Outcome outcome;
  run(paged_scenario(10'000_blocks), requests, outcome);
  ASSERT_EQ(outcome.requests.size(), 1000U);
  EXPECT_EQ(outcome.iterations, 63);
  EXPECT_EQ(outcome.most_reserved, 256_bytes * 2048);
  // 62 full steps, and eight prompts more.
  EXPECT_EQ(outcome.time.since_start(), Duration::microseconds(63 * 10'000 + 100 * 128 * 1000));
  for (std::int64_t id = 0; id < 1000; ++id) {
    EXPECT_EQ(number_of(outcome.requests[static_cast<std::size_t>(id)].request.id), id);
  }
}

// Rows of a trace without an output are left out and counted; a scenario cannot ask for one.
TEST(EdgeCases, AnOutputOfNoTokensIsRefused) {
  const std::string text = "model: gpt2\nworkload: {prompt_tokens: 8, output_tokens: 0}\n";
  try {
    (void)ScenarioText(text, "s.yaml", "").load({});
    FAIL() << "an output of no tokens was taken";
  } catch (const BadInput& bad) {
    EXPECT_THAT(bad.what(),
                testing::HasSubstr(
                    "s.yaml:2:45: error: workload.output_tokens.tokens: must be at least 1"));
  }
}

TEST(EdgeCases, APoolSmallerThanABlockIsMissingTheRestOfIt) {
  Scenario scenario = tiny_scenario();
  scenario.engine.memory.utilization = 1.0;
  scenario.engine.overheads.cuda_graphs.reset();
  const auto roomy = plan_memory(scenario);
  const Bytes pool = std::get<MemoryPlan>(roomy).pool;
  scenario.hardware.gpu.memory -= pool - 16_bytes * 256 + 1_bytes;
  const auto plan = plan_memory(scenario);
  ASSERT_TRUE(std::holds_alternative<DoesNotFit>(plan));
  EXPECT_EQ(std::get<DoesNotFit>(plan).missing, 1_bytes);
}

TEST(EdgeCases, MemoryBelowTheWeightsIsMissingThemAndTheRest) {
  Scenario scenario = tiny_scenario();
  scenario.engine.memory.utilization = 1.0;
  scenario.engine.overheads.cuda_graphs.reset();
  const MemoryPlan roomy = std::get<MemoryPlan>(plan_memory(scenario));
  scenario.hardware.gpu.memory = Bytes{roomy.weights.count() / 2};
  const auto plan = plan_memory(scenario);
  ASSERT_TRUE(std::holds_alternative<DoesNotFit>(plan));
  EXPECT_EQ(std::get<DoesNotFit>(plan).missing, roomy.driver + roomy.weights + roomy.workspace +
                                                    16_bytes * 256 - scenario.hardware.gpu.memory);
}

}  // namespace
}  // namespace tessera
