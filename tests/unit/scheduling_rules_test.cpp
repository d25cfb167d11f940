// The rules of real schedulers that are easily got wrong, each on the smallest engine that shows
// it.
#include <gtest/gtest.h>

#include "tests/support/scenarios.hpp"
#include "tests/support/step_log.hpp"

namespace tessera {
namespace {

using Lines = std::vector<std::string>;

// Blocks of 16 tokens; vLLM v1 keeps one of `num_blocks` for itself.
Scenario small_engine(const PolicySpec& policy, std::int64_t num_blocks) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy = policy;
  PagedKvSpec paged;
  paged.num_blocks = Blocks{num_blocks};
  scenario.engine.kv_cache = paged;
  return scenario;
}

Request now(std::int64_t id, std::int64_t prompt, std::int64_t output) {
  return a_request(id, Duration{}, Tokens{prompt}, Tokens{output});
}

TEST(VllmV1Rules, TheSampledTokensSlotIsTakenByTheStepThatConsumesIt) {
  StepLog log;
  run_listed(small_engine(VllmV1Spec{}, 5), {now(0, 16, 3)}, log);
  // The prompt fills one block; its sampled token needs the second only when it is computed.
  EXPECT_EQ(log.lines, (Lines{"0:16:p", "0:1:d", "0:1:d finish 0"}));
  EXPECT_EQ(log.free_after_schedule, (std::vector<std::int64_t>{3, 2, 2}));
  // So with a sampled token: entry 32 fills the second block, and 33 takes the third.
  StepLog later;
  run_listed(small_engine(VllmV1Spec{}, 5), {now(0, 31, 3)}, later);
  EXPECT_EQ(later.free_after_schedule, (std::vector<std::int64_t>{2, 2, 1}));
}

TEST(VllmV1Rules, TheLastOfTheRunningListIsTheVictimAndNobodyIsAdmittedBesideIt) {
  StepLog log;
  // Two usable blocks; both prompts fill theirs. Request 2 would fit where the victim was.
  run_listed(small_engine(VllmV1Spec{}, 3), {now(0, 16, 2), now(1, 16, 2), now(2, 8, 1)}, log);
  EXPECT_EQ(log.lines, (Lines{"0:16:p 1:16:p", "0:1:d preempt 1 finish 0", "1:17:p finish 1",
                              "2:8:p finish 2"}));
}

TEST(VllmV1Rules, NobodyIsAdmittedInAStepThatPreempted) {
  StepLog log;
  // Four usable blocks. In step 1 request 0 takes its second, 1 finds one where it needs two and
  // gives its own back: a chunk of 1 would fit in what is free then.
  const VllmV1Spec policy{.max_num_batched_tokens = Tokens{32}, .reserve_full_prompt = false};
  run_listed(small_engine(policy, 5), {now(0, 16, 3), now(1, 48, 1)}, log);
  EXPECT_EQ(log.lines.at(0), "0:16:p 1:16:p");
  EXPECT_EQ(log.lines.at(1), "0:1:d preempt 1");
  EXPECT_EQ(log.lines.at(2), "0:1:d 1:31:p finish 0");
}

TEST(VllmV1Rules, APreemptedSequenceGoesToTheHeadOfTheQueue) {
  StepLog log;
  run_listed(small_engine(VllmV1Spec{.max_num_seqs = 2}, 4),
             {now(0, 16, 18), now(1, 16, 2), now(2, 16, 1)}, log);
  // 1 is computed again, prompt and sampled token, before 2 has its turn.
  std::string second;
  for (const std::string& line : log.lines) {
    if (line.find("1:17:p") != std::string::npos || line.find("2:16:p") != std::string::npos) {
      second = second.empty() ? line : second;
    }
  }
  EXPECT_LT(second.find("1:17:p"), second.find("2:16:p")) << second;
}

TEST(VllmV1Rules, TheGateAsksForTheWholePromptAndReservesNone) {
  const std::vector<Request> requests{now(0, 16, 40), now(1, 64, 1)};
  StepLog gated;
  run_listed(small_engine(VllmV1Spec{.max_num_batched_tokens = Tokens{32}}, 5), requests, gated);
  // Four usable blocks, of which 0 holds one: 64 tokens need four.
  EXPECT_EQ(gated.lines.at(0), "0:16:p");
  StepLog open;
  run_listed(small_engine(
                 VllmV1Spec{.max_num_batched_tokens = Tokens{32}, .reserve_full_prompt = false}, 5),
             requests, open);
  EXPECT_EQ(open.lines.at(0), "0:16:p 1:16:p");
  // Where the whole prompt fits, the first chunk takes the blocks of no more than the chunk.
  StepLog alone;
  run_listed(small_engine(VllmV1Spec{.max_num_batched_tokens = Tokens{32}}, 5), {now(1, 64, 1)},
             alone);
  EXPECT_EQ(alone.free_after_schedule, (std::vector<std::int64_t>{2, 0}));
}

TEST(VllmV1Rules, TheWatermarkAppliesOnlyBesideRunningSequences) {
  Scenario scenario = small_engine(VllmV1Spec{}, 5);
  std::get<PagedKvSpec>(scenario.engine.kv_cache).watermark = 0.4;  // 2 of 5 blocks
  StepLog log;
  run_listed(scenario, {now(0, 48, 2), now(1, 16, 1)}, log);
  // Alone, 0 takes three of four; beside it the two that must stay free are not there for 1.
  EXPECT_EQ(log.lines, (Lines{"0:48:p", "0:1:d finish 0", "1:16:p finish 1"}));
}

TEST(VllmV1Rules, TheLastBlockOfAPromptIsNeverHit) {
  Scenario scenario = small_engine(VllmV1Spec{}, 64);
  std::get<PagedKvSpec>(scenario.engine.kv_cache).prefix_caching = true;
  std::vector<Request> requests{now(0, 96, 1), now(1, 96, 1)};
  requests[1].content = requests[0].content;
  StepLog log;
  run_listed(scenario, requests, log);
  // Found in the very step that computes it, but for the last 16 tokens.
  EXPECT_EQ(log.lines, (Lines{"0:96:p 1:16:p hit 1:80 finish 0 finish 1"}));
}

TEST(VllmV1Rules, PriorityTiesAreBrokenByTheIdsAsText) {
  std::vector<Request> requests;
  for (std::int64_t id = 0; id < 11; ++id) {
    requests.push_back(now(id, 16, 1));
  }
  StepLog log;
  run_listed(small_engine(VllmV1Spec{.order = Order::priority, .max_num_seqs = 3}, 64), requests,
             log);
  EXPECT_EQ(log.lines.at(0), "0:16:p 1:16:p 10:16:p finish 0 finish 1 finish 10");
}

TEST(VllmV1Rules, AsynchronousSchedulingSeesBlocksFreedOneStepLater) {
  Scenario scenario = small_engine(VllmV1Spec{.async_scheduling = true}, 3);
  StepLog log;
  run_listed(scenario, {now(0, 16, 1), now(1, 16, 3), now(2, 16, 1)}, log);
  // Step 1 is decided before step 0 has ended: 0's block is not free yet, so 1 needs one in vain.
  EXPECT_EQ(log.lines.at(0), "0:16:p 1:16:p finish 0");
  EXPECT_EQ(log.lines.at(1), " preempt 1");
}

TEST(VllmV1Rules, TheVictimByPriorityMayHaveBeenScheduledAlready) {
  // 1 is more urgent, though it came later: when it finds no block, 0 is taken out of the very step
  // that it had been scheduled in.
  std::vector<Request> requests{now(0, 12, 8),
                                a_request(1, Duration::milliseconds(1), Tokens{16}, Tokens{2})};
  requests[0].priority = 2;
  requests[1].priority = 1;
  StepLog log;
  run_listed(small_engine(VllmV1Spec{.order = Order::priority}, 3), requests, log);
  EXPECT_EQ(log.lines.at(1), "0:1:d 1:16:p");
  EXPECT_EQ(log.lines.at(2), "1:1:d preempt 0 finish 1");
}

TEST(VllmV1Rules, FreedBlocksWithContentGoToTheBackAndOthersToTheFront) {
  // Four usable blocks. 0 leaves one whose content can be found, then 1 leaves one of them and one
  // that is not full. 2 takes two.
  const auto fate_of_the_first = [](VllmV1Version version) {
    Scenario scenario = small_engine(VllmV1Spec{.version = version}, 5);
    std::get<PagedKvSpec>(scenario.engine.kv_cache).prefix_caching = true;
    const auto at = [](std::int64_t id, std::int64_t milliseconds, std::int64_t prompt) {
      return a_request(id, Duration::milliseconds(milliseconds), Tokens{prompt}, Tokens{1});
    };
    std::vector<Request> requests{at(0, 0, 16), at(1, 20, 24), at(2, 40, 20), at(3, 60, 20)};
    requests[3].content = requests[0].content;
    StepLog log;
    run_listed(scenario, requests, log);
    return log.lines.at(3);
  };
  // main: [1's part, the unused, 0's, 1's]: 2 leaves 0's block to 3.
  EXPECT_EQ(fate_of_the_first(VllmV1Version::main), "3:4:p hit 3:16 finish 3");
  // Before: [the unused, 0's, 1's part, 1's]: 2 has evicted it.
  EXPECT_EQ(fate_of_the_first(VllmV1Version::v0_20), "3:20:p finish 3");
}

TEST(VllmV0Rules, ADecodeNeedsAFreeBlockEvenIfItsLastOneHasRoom) {
  Scenario scenario = small_engine(VllmV0Spec{}, 2);
  std::get<PagedKvSpec>(scenario.engine.kv_cache).watermark = 0.0;
  StepLog log;
  run_listed(scenario, {now(0, 8, 2), now(1, 8, 2)}, log);
  // Both blocks are taken, half full; still the first decode finds none free.
  EXPECT_EQ(log.lines, (Lines{"0:8:p 1:8:p", "0:1:d preempt 1 finish 0", "1:9:p finish 1"}));
}

TEST(VllmV0Rules, WhatTheWatermarkNeverAdmitsIsRejected) {
  struct Statuses final : Recorder {
    std::vector<RequestStatus> all;
    void on_request_end(const RequestRecord& record) override { all.push_back(record.status); }
  };
  // A hundred blocks, one of them the watermark: 99 can be had.
  for (const PolicySpec& policy :
       {PolicySpec{VllmV0Spec{}}, PolicySpec{SarathiSpec{}}, PolicySpec{SimpleChunkingSpec{}}}) {
    Statuses statuses;
    run_listed(small_engine(policy, 100), {now(0, 1'596, 2), now(1, 100, 1'499), now(2, 1'500, 2)},
               statuses);
    EXPECT_EQ(statuses.all,
              (std::vector<RequestStatus>{RequestStatus::rejected, RequestStatus::rejected,
                                          RequestStatus::finished}));
  }
}

TEST(VllmV0Rules, PrefillsGoFirstInStepsOfTheirOwn) {
  StepLog log;
  run_listed(small_engine(VllmV0Spec{}, 64),
             {now(0, 16, 3), a_request(1, Duration::milliseconds(1), Tokens{16}, Tokens{1})}, log);
  EXPECT_EQ(log.lines, (Lines{"0:16:p", "1:16:p finish 1", "0:1:d", "0:1:d finish 0"}));
}

TEST(SarathiRules, DecodesComeFirstAndPromptsFillUpTheStep) {
  StepLog log;
  run_listed(small_engine(SarathiSpec{.max_num_seqs = 8, .chunk_size = Tokens{16}}, 64),
             {now(0, 8, 3), now(1, 30, 1)}, log);
  EXPECT_EQ(log.lines, (Lines{"0:8:p 1:8:p", "0:1:d 1:15:p", "0:1:d 1:7:p finish 0 finish 1"}));
}

TEST(StaticRules, RowsArePaddedAndStayUntilTheLongestHasEnded) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy = StaticSpec{.max_num_seqs = 3};
  scenario.engine.kv_cache = ContiguousKvSpec{.reserve = Reserve::oracle};
  StepLog log;
  run_listed(scenario, {now(0, 10, 5), now(1, 50, 20), now(2, 100, 100)}, log);
  ASSERT_EQ(log.lines.size(), 100U);
  EXPECT_EQ(log.lines.at(0), "0:100:p 1:100:p 2:100:p");
  EXPECT_EQ(log.lines.at(5), "0:1:x 1:1:d 2:1:d");
  EXPECT_EQ(log.lines.at(99), "0:1:x 1:1:x 2:1:d finish 2");
  // While the last step runs, its three cells are still to be written: 597 with them.
  const Bytes token = Bytes{256};
  const KvUsage& last = log.usages.at(log.usages.size() - 2);
  EXPECT_EQ(last.live, token * 198);
  EXPECT_EQ(last.dead, token * 83);
  EXPECT_EQ(last.pad, token * 313);
}

}  // namespace
}  // namespace tessera
