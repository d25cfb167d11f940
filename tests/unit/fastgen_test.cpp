// DeepSpeed-FastGen's SplitFuse.
#include <gtest/gtest.h>

#include "tests/support/scenarios.hpp"
#include "tests/support/step_log.hpp"

namespace tessera {
namespace {

using Lines = std::vector<std::string>;

Scenario engine(const FastGenSpec& policy, std::int64_t blocks) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy = policy;
  PagedKvSpec paged;
  paged.num_blocks = Blocks{blocks};
  scenario.engine.kv_cache = paged;
  return scenario;
}

Request at(std::int64_t id, std::int64_t milliseconds, std::int64_t prompt, std::int64_t output) {
  return a_request(id, Duration::milliseconds(milliseconds), Tokens{prompt}, Tokens{output});
}

TEST(FastGen, DecodesComeFirstAndPromptsFillTheStep) {
  StepLog log;
  run_listed(engine({}, 1000), {at(0, 0, 10, 5), at(1, 1, 1000, 2), at(2, 1, 600, 1)}, log);
  EXPECT_EQ(log.lines, (Lines{"0:10:p", "0:1:d 1:767:p", "0:1:d 1:233:p 2:534:p",
                              "0:1:d 1:1:d 2:66:p finish 1 finish 2", "0:1:d finish 0"}));
}

TEST(FastGen, APromptIsBegunOnlyWhenAllOfItFits) {
  StepLog log;
  run_listed(engine({.max_ragged_batch_size = Tokens{32}}, 5), {at(0, 0, 16, 10), at(1, 1, 64, 1)},
             log);
  // Four blocks are free while request 0 fills its first, three once it decodes.
  EXPECT_EQ(log.lines[1], "0:1:d");
  EXPECT_EQ(log.lines[9], "0:1:d finish 0");
  EXPECT_EQ(log.lines[10], "1:32:p");
}

TEST(FastGen, ItsMemoryIsTakenChunkByChunk) {
  StepLog log;
  run_listed(engine({.max_ragged_batch_size = Tokens{32}}, 10), {at(0, 0, 64, 1)}, log);
  EXPECT_EQ(log.free_after_schedule, (std::vector<std::int64_t>{8, 6}));
}

TEST(FastGen, NoMoreSequencesThanAllowedAreInAStep) {
  StepLog log;
  run_listed(engine({.max_ragged_sequence_count = 2}, 100),
             {at(0, 0, 8, 3), at(1, 0, 8, 3), at(2, 0, 8, 1)}, log);
  EXPECT_EQ(log.lines, (Lines{"0:8:p 1:8:p", "0:1:d 1:1:d", "0:1:d 1:1:d finish 0 finish 1",
                              "2:8:p finish 2"}));
}

TEST(FastGen, ADeadlockFlushesTheLastThatHoldsKvToTheBackOfTheQueue) {
  StepLog log;
  // Two prompts fill the two blocks; neither can decode.
  run_listed(engine({}, 2), {at(0, 0, 16, 2), at(1, 0, 16, 2), at(2, 0, 16, 1)}, log);
  EXPECT_EQ(log.lines, (Lines{"0:16:p 1:16:p", "0:1:d preempt 1 finish 0", "2:16:p finish 2",
                              "1:17:p finish 1"}));
}

}  // namespace
}  // namespace tessera
