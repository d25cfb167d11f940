// LightLLM's router: the estimated peak, who joins, who is paused.
#include <gtest/gtest.h>

#include "sim/scheduling/future_peak.hpp"
#include "tests/support/scenarios.hpp"
#include "tests/support/step_log.hpp"

namespace tessera {
namespace {

using Lines = std::vector<std::string>;

Scenario engine(const LightLlmSpec& policy, std::int64_t tokens) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy = policy;
  scenario.engine.kv_cache = TokenKvSpec{.max_total_token_num = Tokens{tokens}};
  return scenario;
}

Request now(std::int64_t id, std::int64_t prompt, std::int64_t output, std::int64_t limit) {
  Request request = a_request(id, Duration{}, Tokens{prompt}, Tokens{output});
  request.max_output = Tokens{limit};
  return request;
}

// The longest-lasting, (5,10), holds 15 at its end; with (10,5) there are 25 before that, and
// with (20,3) 35 + 3 × 3 = 44 at the end of the first.
TEST(FuturePeak, IsReachedWhenTheFirstOfManyEnds) {
  EXPECT_EQ(
      future_peak({{Tokens{10}, Tokens{5}}, {Tokens{20}, Tokens{3}}, {Tokens{5}, Tokens{10}}}),
      Tokens{44});
  EXPECT_EQ(future_peak({}), Tokens{0});
  EXPECT_EQ(future_peak({{Tokens{7}, Tokens{0}}}), Tokens{7});
}

// Step by step, as sequences grow and leave.
TEST(FuturePeak, IsTheGreatestOfAllSteps) {
  std::uint64_t state = 1;
  const auto upto = [&state](std::int64_t greatest) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::int64_t>((state >> 33U) % static_cast<std::uint64_t>(greatest + 1));
  };
  for (int round = 0; round < 500; ++round) {
    std::vector<TokenNeed> needs;
    for (std::int64_t i = upto(8); i > 0; --i) {
      needs.push_back({Tokens{1 + upto(40)}, Tokens{upto(30)}});
    }
    Tokens greatest{0};
    for (std::int64_t step = 0; step <= 30; ++step) {
      Tokens held{0};
      for (const TokenNeed& need : needs) {
        held += need.left >= Tokens{step} ? need.now + Tokens{step} : Tokens{0};
      }
      greatest = std::max(greatest, held);
    }
    EXPECT_EQ(future_peak(needs), greatest);
  }
}

TEST(LightLlm, PrefillsInStepsOfTheirOwnAndLooksAgainAfterEveryDecode) {
  StepLog log;
  Scenario scenario = engine({}, 1000);
  Request later = now(1, 20, 2, 2);
  later.arrival = SimTime::at(Duration::milliseconds(1));
  run_listed(scenario, {now(0, 10, 4, 4), later}, log);
  EXPECT_EQ(log.lines,
            (Lines{"0:10:p", "1:20:p", "0:1:d 1:1:d finish 1", "0:1:d", "0:1:d finish 0"}));
}

TEST(LightLlm, TheQueueWaitsForAsManyDecodesAsItIsTold) {
  StepLog log;
  Scenario scenario = engine({.router_max_wait_tokens = 3}, 1000);
  Request later = now(1, 20, 1, 1);
  // It comes while the first decode runs: the look after the prefill has found nobody.
  later.arrival = SimTime::at(Duration::milliseconds(12));
  run_listed(scenario, {now(0, 10, 6, 6), later}, log);
  EXPECT_EQ(log.lines, (Lines{"0:10:p", "0:1:d", "0:1:d", "0:1:d", "1:20:p finish 1", "0:1:d",
                              "0:1:d finish 0"}));
}

// Alone, 10 + 1 now and 30 - 1 + 6 to come: 46. Two of them: 92.
TEST(LightLlm, AdmitsWhoKeepsThePeakBelowThePool) {
  for (const std::int64_t pool : {92, 93}) {
    StepLog log;
    run_listed(engine({}, pool), {now(0, 10, 5, 30), now(1, 10, 5, 30)}, log);
    EXPECT_EQ(log.lines[0], pool == 93 ? "0:10:p 1:10:p" : "0:10:p") << pool;
  }
}

TEST(LightLlm, WhoCannotFitWithTheSafetyMarginIsTurnedAway) {
  StepLog log;
  run_listed(engine({}, 46), {now(0, 10, 5, 30)}, log);
  EXPECT_TRUE(log.lines.empty());
  run_listed(engine({}, 47), {now(0, 10, 5, 30)}, log);
  EXPECT_EQ(log.lines.size(), 5U);
}

// Below the ratio it expects 8 tokens of each: 3 × (11 + 13) = 72; above it, 30 of each.
TEST(LightLlm, ExpectsShortOutputsWhileItIsNotBusyAndPausesTheLatestWhereThatWasWrong) {
  StepLog log;
  LightLlmSpec hopeful{.router_token_ratio = 0.5, .router_max_new_token_len = Tokens{8}};
  run_listed(engine(hopeful, 73), {now(0, 10, 30, 30), now(1, 10, 30, 30), now(2, 10, 30, 30)},
             log);
  EXPECT_EQ(log.lines[0], "0:10:p 1:10:p 2:10:p");
  // 73 tokens hold 24 entries of each: the 15th decode wants 75.
  EXPECT_EQ(log.lines[14], "0:1:d 1:1:d 2:1:d");
  EXPECT_EQ(log.lines[15], "0:1:d 1:1:d preempt 2");
  // It waits in front of the queue and is computed again, with its fifteen tokens.
  bool again = false;
  for (const std::string& line : log.lines) {
    again = again || line.find("2:25:p") != std::string::npos;
  }
  EXPECT_TRUE(again);
  StepLog careful;
  run_listed(engine({}, 73), {now(0, 10, 30, 30), now(1, 10, 30, 30)}, careful);
  EXPECT_EQ(careful.lines[0], "0:10:p") << "always busy";
}

TEST(LightLlm, PausedRequestsCountAmongThoseThatRun) {
  StepLog log;
  LightLlmSpec hopeful{
      .running_max_req_size = 3, .router_token_ratio = 0.5, .router_max_new_token_len = Tokens{8}};
  run_listed(engine(hopeful, 73),
             {now(0, 10, 30, 30), now(1, 10, 30, 30), now(2, 10, 30, 30), now(3, 1, 1, 1)}, log);
  // Request 3 waits behind the paused one.
  std::size_t resumed = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < log.lines.size(); ++i) {
    resumed = log.lines[i].find("2:25:p") != std::string::npos ? i : resumed;
    last = log.lines[i].find("3:1:p") != std::string::npos ? i : last;
  }
  EXPECT_GT(resumed, 0U);
  EXPECT_GE(last, resumed);
}

}  // namespace
}  // namespace tessera
