// TensorRT-LLM's capacity modes and its micro-batches.
#include <gtest/gtest.h>

#include "tests/support/scenarios.hpp"
#include "tests/support/step_log.hpp"

namespace tessera {
namespace {

using Lines = std::vector<std::string>;

// Blocks of 16 tokens.
Scenario engine(const TensorRtLlmSpec& policy, std::int64_t blocks) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy = policy;
  scenario.engine.kv_cache =
      TensorRtLlmKvSpec{.tokens_per_block = Tokens{16}, .max_tokens = Tokens{16 * blocks}};
  return scenario;
}

Request now(std::int64_t id, std::int64_t prompt, std::int64_t output, std::int64_t limit) {
  Request request = a_request(id, Duration{}, Tokens{prompt}, Tokens{output});
  request.max_output = Tokens{limit};
  return request;
}

constexpr auto no_evict = CapacityPolicy::guaranteed_no_evict;
constexpr auto full = CapacityPolicy::max_utilization;
constexpr auto fixed = CapacityPolicy::static_batch;

// 16 + 32 tokens are three blocks, of which one is held: five blocks take one such request, six
// two.
TEST(TensorRtLlm, NoEvictReservesToTheLimitAndHoldsWhatIsFilled) {
  const std::vector<Request> two{now(0, 16, 3, 32), now(1, 16, 3, 32)};
  StepLog tight;
  run_listed(engine({.capacity_scheduler_policy = no_evict}, 5), two, tight);
  EXPECT_EQ(tight.lines[0], "0:16:p");
  EXPECT_EQ(tight.free_after_schedule[0], 4) << "the other two are reserved in thought only";
  StepLog roomy;
  run_listed(engine({.capacity_scheduler_policy = no_evict}, 6), two, roomy);
  EXPECT_EQ(roomy.lines[0], "0:16:p 1:16:p");
}

TEST(TensorRtLlm, NoEvictNeverPausesAnybody) {
  StepLog log;
  run_listed(engine({.capacity_scheduler_policy = no_evict}, 7),
             {now(0, 16, 32, 32), now(1, 16, 32, 32), now(2, 16, 32, 32)}, log);
  for (const std::string& line : log.lines) {
    EXPECT_EQ(line.find("preempt"), std::string::npos) << line;
  }
}

TEST(TensorRtLlm, TheHeadOfTheQueueBlocksWhoWouldFit) {
  StepLog log;
  run_listed(engine({.capacity_scheduler_policy = no_evict}, 6),
             {now(0, 16, 4, 32), now(1, 64, 1, 16), now(2, 16, 1, 1)}, log);
  EXPECT_EQ(log.lines[0], "0:16:p");
  EXPECT_EQ(log.lines[1], "0:1:d") << "request 2 does not pass request 1";
}

TEST(TensorRtLlm, ARequestThatCouldNeverReachItsLimitIsTurnedAway) {
  StepLog log;
  run_listed(engine({.capacity_scheduler_policy = no_evict}, 3), {now(0, 16, 2, 33)}, log);
  EXPECT_TRUE(log.lines.empty());
  run_listed(engine({.capacity_scheduler_policy = full}, 3), {now(0, 16, 2, 33)}, log);
  EXPECT_EQ(log.lines, (Lines{"0:16:p", "0:1:d finish 0"}));
}

TEST(TensorRtLlm, MaxUtilizationPausesTheLastThatHasBegunInItsPlace) {
  StepLog log;
  // Two blocks are filled by the prompts; the first decode wants two more of the one that is free.
  run_listed(engine({.capacity_scheduler_policy = full}, 3),
             {now(0, 16, 2, 2), now(1, 16, 2, 2), now(2, 16, 1, 1)}, log);
  EXPECT_EQ(log.lines, (Lines{"0:16:p 1:16:p 2:16:p finish 2", "0:1:d preempt 1 finish 0",
                              "1:17:p finish 1"}));
}

TEST(TensorRtLlm, MaxUtilizationTakesInWhoFitsTheNextStep) {
  StepLog log;
  run_listed(engine({.capacity_scheduler_policy = full}, 3),
             {now(0, 16, 3, 300), now(1, 16, 1, 300)}, log);
  EXPECT_EQ(log.lines[0], "0:16:p 1:16:p finish 1");
}

TEST(TensorRtLlm, AStaticBatchLetsNobodyJoin) {
  const std::vector<Request> requests{now(0, 16, 3, 3), now(1, 16, 2, 2), now(2, 16, 1, 1)};
  StepLog log;
  run_listed(engine({.capacity_scheduler_policy = fixed, .max_batch_size = 2}, 20), requests, log);
  EXPECT_EQ(log.lines,
            (Lines{"0:16:p 1:16:p", "0:1:d 1:1:d finish 1", "0:1:d finish 0", "2:16:p finish 2"}));
  StepLog in_flight;
  run_listed(engine({.capacity_scheduler_policy = no_evict, .max_batch_size = 2}, 20), requests,
             in_flight);
  EXPECT_EQ(in_flight.lines[2], "0:1:d 2:16:p finish 0 finish 2");
}

TEST(TensorRtLlm, AStepTakesDecodesFirstAndSplitsPromptsAtTheEndsOfBlocks) {
  StepLog log;
  Request later = now(1, 100, 1, 1);
  later.arrival = SimTime::at(Duration::milliseconds(1));
  run_listed(engine({.max_num_tokens = Tokens{50}}, 20), {now(0, 10, 4, 4), later}, log);
  EXPECT_EQ(log.lines,
            (Lines{"0:10:p", "0:1:d 1:48:p", "0:1:d 1:48:p", "0:1:d 1:4:p finish 0 finish 1"}));
  EXPECT_EQ(log.free_after_schedule[1], 20 - 1 - 7) << "a prompt's blocks are taken at once";
}

TEST(TensorRtLlm, WithoutChunkedContextAPromptWaitsForItsStep) {
  StepLog log;
  run_listed(engine({.max_num_tokens = Tokens{2048}, .enable_chunked_context = false}, 200),
             {now(0, 1000, 2, 2), now(1, 1000, 1, 1), now(2, 500, 1, 1)}, log);
  EXPECT_EQ(log.lines, (Lines{"0:1000:p 1:1000:p finish 1", "0:1:d 2:500:p finish 0 finish 2"}));
}

}  // namespace
}  // namespace tessera
