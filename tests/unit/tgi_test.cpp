// TGI's router: when the batch is interrupted for those who wait.
#include <gtest/gtest.h>

#include "tests/support/scenarios.hpp"
#include "tests/support/step_log.hpp"

namespace tessera {
namespace {

using Lines = std::vector<std::string>;

Scenario engine(const TgiSpec& policy, std::int64_t blocks) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy = policy;
  scenario.engine.kv_cache = TgiKvSpec{.num_blocks = Blocks{blocks}};
  return scenario;
}

Request at(std::int64_t id, std::int64_t milliseconds, std::int64_t prompt, std::int64_t output) {
  return a_request(id, Duration::milliseconds(milliseconds), Tokens{prompt}, Tokens{output});
}

TEST(Tgi, ADecodeFollowsEveryPrefillButTheFirst) {
  StepLog log;
  run_listed(engine({}, 100), {at(0, 0, 10, 5), at(1, 1, 10, 4), at(2, 12, 10, 2)}, log);
  EXPECT_EQ(log.lines,
            (Lines{"0:10:p", "1:10:p", "0:1:d 1:1:d", "2:10:p", "0:1:d 1:1:d 2:1:d finish 2",
                   "0:1:d 1:1:d finish 1", "0:1:d finish 0"}));
}

TEST(Tgi, TooFewDoNotInterruptManyUntilTheyHaveWaited) {
  std::vector<Request> requests;
  for (std::int64_t id = 0; id < 8; ++id) {
    requests.push_back(at(id, 0, 10, 12));
  }
  requests.push_back(at(8, 1, 10, 1));
  StepLog log;
  run_listed(engine({.waiting_served_ratio = 0.3, .max_waiting_tokens = 5}, 100), requests, log);
  // Two of eight would be enough; one waits until five have been counted, the prefill among them.
  EXPECT_EQ(log.lines[4].substr(0, 5), "0:1:d");
  EXPECT_EQ(log.lines[5], "8:10:p finish 8");
  requests.push_back(at(9, 1, 10, 1));
  StepLog two;
  run_listed(engine({.waiting_served_ratio = 0.3, .max_waiting_tokens = 5}, 100), requests, two);
  EXPECT_EQ(two.lines[1], "8:10:p 9:10:p finish 8 finish 9");
}

TEST(Tgi, EnoughMustFitTogether) {
  std::vector<Request> requests;
  for (std::int64_t id = 0; id < 8; ++id) {
    requests.push_back(at(id, 0, 16, 1 + 16));
  }
  requests.push_back(at(8, 1, 16, 1));
  requests.push_back(at(9, 1, 16, 1));
  StepLog log;
  // Eight hold two blocks each; one more is there for one of the two.
  run_listed(engine({.waiting_served_ratio = 0.3, .max_waiting_tokens = 5}, 18), requests, log);
  EXPECT_EQ(log.lines[1].substr(0, 5), "0:1:d");
  EXPECT_EQ(log.lines[5], "8:16:p finish 8");
}

TEST(Tgi, ReservesByTheLimitAndPreemptsNobody) {
  StepLog log;
  std::vector<Request> requests{at(0, 0, 16, 3), at(1, 0, 16, 3)};
  for (Request& request : requests) {
    request.max_output = Tokens{100};
  }
  // Eight blocks each; block 0 serves nobody.
  run_listed(engine({}, 16), requests, log);
  EXPECT_EQ(log.lines[0], "0:16:p");
  EXPECT_EQ(log.free_after_schedule[0], 7);
  EXPECT_EQ(log.usages[1].reserved_never, Bytes{256 * (8 * 16 - 18)});
  StepLog both;
  run_listed(engine({}, 17), requests, both);
  EXPECT_EQ(both.lines[0], "0:16:p 1:16:p");
}

TEST(Tgi, PromptsOfAStepFitTheBudgetRoundedUpToBlocks) {
  StepLog log;
  Scenario scenario = engine({.max_batch_prefill_tokens = Tokens{2049}}, 1000);
  run_listed(scenario, {at(0, 0, 1032, 1), at(1, 0, 1032, 1)}, log);
  EXPECT_EQ(log.lines[0], "0:1032:p 1:1032:p finish 0 finish 1") << "2064 tokens are 129 blocks";
  StepLog apart;
  run_listed(scenario, {at(0, 0, 1033, 1), at(1, 0, 1032, 1)}, apart);
  EXPECT_EQ(apart.lines[0], "0:1033:p finish 0");
}

TEST(Tgi, TheTotalBudgetCountsPromptsAndLimits) {
  StepLog log;
  const std::vector<Request> requests{at(0, 0, 10, 10), at(1, 0, 10, 10), at(2, 0, 10, 11)};
  run_listed(engine({.max_batch_total_tokens = Tokens{40}}, 1000), requests, log);
  EXPECT_EQ(log.lines[0], "0:10:p 1:10:p");
  StepLog all;
  run_listed(engine({.max_batch_total_tokens = Tokens{61}}, 1000), requests, all);
  EXPECT_EQ(all.lines[0], "0:10:p 1:10:p 2:10:p");
}

TEST(Tgi, ChunksJoinTheDecodes) {
  StepLog log;
  run_listed(engine({.max_batch_prefill_tokens = Tokens{32}, .chunked_prefill = true}, 100),
             {at(0, 0, 10, 4), at(1, 1, 50, 1)}, log);
  EXPECT_EQ(log.lines,
            (Lines{"0:10:p", "0:1:d 1:31:p", "0:1:d 1:19:p finish 1", "0:1:d finish 0"}));
}

}  // namespace
}  // namespace tessera
