// SGLang's scheduler: who is taken in, in which order, and who is retracted.
#include <gtest/gtest.h>

#include "tests/support/scenarios.hpp"
#include "tests/support/step_log.hpp"

namespace tessera {
namespace {

using Lines = std::vector<std::string>;

Scenario engine(const SglangSpec& policy, std::int64_t tokens, std::int64_t page = 1) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy = policy;
  scenario.engine.kv_cache =
      RadixKvSpec{.page_size = Tokens{page}, .max_total_tokens = Tokens{tokens}};
  return scenario;
}

Request at(std::int64_t id, std::int64_t milliseconds, std::int64_t prompt, std::int64_t output) {
  return a_request(id, Duration::milliseconds(milliseconds), Tokens{prompt}, Tokens{output});
}

Request of_group(Request request, std::int64_t group, std::int64_t shared) {
  request.content.group = group;
  request.content.shared_prefix = Tokens{shared};
  return request;
}

TEST(Sglang, PrefillsGoFirst) {
  StepLog log;
  run_listed(engine({}, 1000), {at(0, 0, 10, 4), at(1, 1, 20, 2)}, log);
  EXPECT_EQ(log.lines,
            (Lines{"0:10:p", "1:20:p", "0:1:d 1:1:d finish 1", "0:1:d", "0:1:d finish 0"}));
}

// Alone, 10 + 30 and a page stay below 42 tokens; beside it, another needs 41 more, and 1 to spare.
TEST(Sglang, AdmitsByThePromptTheLimitAndAPage) {
  for (const std::int64_t tokens : {82, 83}) {
    StepLog log;
    run_listed(engine({}, tokens), {at(0, 0, 10, 30), at(1, 0, 10, 30)}, log);
    EXPECT_EQ(log.lines[0], tokens == 83 ? "0:10:p 1:10:p" : "0:10:p") << tokens;
  }
}

// Of who runs, 0.7 of what is left of its output is expected: 39 × 0.7 = 27.3.
TEST(Sglang, OfRunningOutputsARatioIsExpected) {
  // 100 - 10 - 27.3 = 62.7 are left.
  for (const std::int64_t output : {51, 52}) {
    StepLog log;
    run_listed(engine({}, 100), {at(0, 0, 10, 40), at(1, 1, 10, output)}, log);
    EXPECT_EQ(log.lines[1], output == 51 ? "1:10:p" : "0:1:d") << output;
  }
}

TEST(Sglang, NobodyIsLookedAtAfterARefusalUntilSomebodyLeaves) {
  StepLog log;
  // Request 2 would fit beside the others at once, but comes after the refusal of request 1.
  run_listed(engine({}, 60), {at(0, 0, 10, 20), at(1, 1, 30, 10), at(2, 12, 1, 1)}, log);
  const std::string last_of_first = "0:1:d finish 0";
  const auto left = std::find(log.lines.begin(), log.lines.end(), last_of_first);
  ASSERT_NE(left, log.lines.end());
  EXPECT_EQ(*(left + 1), "1:30:p 2:1:p finish 2");
}

TEST(Sglang, TheLongestCachedPrefixIsServedFirst) {
  StepLog log;
  const SglangSpec one_at_a_time{.max_running_requests = 1};
  const std::vector<Request> requests{of_group(at(0, 0, 60, 2), 1, 50), at(1, 1, 60, 1),
                                      of_group(at(2, 1, 60, 1), 1, 40),
                                      of_group(at(3, 1, 60, 1), 1, 50)};
  run_listed(engine(one_at_a_time, 1000), requests, log);
  EXPECT_EQ(log.lines, (Lines{"0:60:p", "0:1:d finish 0", "3:10:p hit 3:50 finish 3",
                              "2:20:p hit 2:40 finish 2", "1:60:p finish 1"}));
  StepLog in_order;
  run_listed(engine({.schedule_policy = SglangOrder::fcfs, .max_running_requests = 1}, 1000),
             requests, in_order);
  EXPECT_EQ(in_order.lines[2], "1:60:p finish 1");
}

TEST(Sglang, WhoSharesAPrefixWithSomebodyInTheQueueStandsBack) {
  StepLog log;
  // 1 shares 50 tokens with 0, which nobody has computed: 2 goes before it.
  run_listed(engine({.chunked_prefill_size = Tokens{120}}, 1000),
             {of_group(at(0, 0, 60, 1), 1, 50), of_group(at(1, 0, 60, 1), 1, 50), at(2, 0, 60, 1)},
             log);
  EXPECT_EQ(log.lines, (Lines{"0:60:p 2:60:p finish 0 finish 2", "1:10:p hit 1:50 finish 1"}));
}

TEST(Sglang, ALongQueueIsServedInOrder) {
  std::vector<Request> requests{of_group(at(0, 0, 60, 1), 1, 50)};
  for (std::int64_t id = 1; id <= 129; ++id) {
    requests.push_back(at(id, 1, 60, 1));
  }
  requests.push_back(of_group(at(130, 1, 60, 1), 1, 50));
  StepLog log;
  run_listed(engine({.max_running_requests = 1}, 100'000), requests, log);
  EXPECT_EQ(log.lines[1], "1:60:p finish 1") << "130 wait";
  EXPECT_EQ(log.lines[2], "2:60:p finish 2") << "129 wait";
  EXPECT_EQ(log.lines[3], "130:10:p hit 130:50 finish 130") << "128 wait";
}

TEST(Sglang, PromptsAreSplitOneAtATime) {
  StepLog log;
  run_listed(engine({.chunked_prefill_size = Tokens{64}}, 1000),
             {at(0, 0, 40, 2), at(1, 0, 100, 1), at(2, 0, 100, 1)}, log);
  EXPECT_EQ(log.lines, (Lines{"0:40:p 1:24:p", "1:64:p", "1:12:p 2:52:p finish 1",
                              "2:48:p finish 2", "0:1:d finish 0"}));
}

TEST(Sglang, SplitsAtTheEndsOfPages) {
  StepLog log;
  run_listed(engine({.chunked_prefill_size = Tokens{64}}, 1024, 16),
             {at(0, 0, 40, 1), at(1, 0, 100, 1)}, log);
  // 40 tokens take 48 of the 64.
  EXPECT_EQ(log.lines[0], "0:40:p 1:16:p finish 0");
}

// The ratio is 0.07 at first, so that many are taken in who cannot all go on.
TEST(Sglang, WhoHasTheFewestOutputsAndThenTheLongestPromptIsRetracted) {
  StepLog log;
  const SglangSpec hopeful{.schedule_conservativeness = 0.1};
  run_listed(engine(hopeful, 100), {at(0, 0, 20, 30), at(1, 11, 25, 30), at(2, 50, 10, 30)}, log);
  std::string retraction;
  for (const std::string& line : log.lines) {
    if (retraction.empty() && line.find("preempt") != std::string::npos) {
      retraction = line;
    }
  }
  // 2 has come last and has the fewest; 20 tokens of each of the two others must be free, too.
  EXPECT_EQ(retraction.substr(retraction.find(" preempt")), " preempt 2 preempt 1");
}

TEST(Sglang, AfterARetractionTheRatioIsThatOfWhoIsLeft) {
  StepLog log;
  const SglangSpec hopeful{.schedule_conservativeness = 0.1};
  run_listed(engine(hopeful, 100), {at(0, 0, 20, 50), at(1, 11, 25, 50)}, log);
  // All end, though they cannot run together to the end.
  std::size_t finished = 0;
  std::size_t preempted = 0;
  for (const std::string& line : log.lines) {
    finished += line.find("finish") != std::string::npos ? 1 : 0;
    preempted += line.find("preempt") != std::string::npos ? 1 : 0;
  }
  EXPECT_EQ(finished, 2U);
  // With the old ratio the victim would come back at once, and be retracted again and again.
  EXPECT_EQ(preempted, 1U);
}

}  // namespace
}  // namespace tessera
