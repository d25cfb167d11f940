// Hugging Face's StaticCache, and what it is to have no cache.
#include <gtest/gtest.h>

#include <limits>

#include "tessera/engine/simulate.hpp"
#include "tests/support/scenarios.hpp"
#include "tests/support/step_log.hpp"

namespace tessera {
namespace {

using namespace literals;

// OPT-6.7B: 64 tensors of 8 KiB a token.
KvPool opt_6_7b_pool(Bytes bytes) {
  return {.bytes = bytes,
          .bytes_per_token = 524'288_bytes,
          .tensors = 64,
          .max_model_len = 1024_tokens};
}

KvSequence sequence_of(std::uint32_t id, Tokens prompt, Tokens output) {
  KvSequence sequence;
  sequence.id = SequenceId{id};
  sequence.prompt = prompt;
  sequence.output = output;
  return sequence;
}

TEST(StaticCacheKv, OwnsTheLongestContextOfEveryRowFromItsFirstStep) {
  const auto kv = make_kv_cache(StaticCacheKvSpec{}, opt_6_7b_pool(2_GiB));
  KvWork work;
  const Admission admission{.entries = 100_tokens, .rows = 2};
  ASSERT_EQ(kv->admit(sequence_of(0, 100_tokens, 11_tokens), admission, work), Grant::ok);
  ASSERT_EQ(kv->admit(sequence_of(1, 100_tokens, 11_tokens), admission, work), Grant::ok);
  kv->write(SequenceId{0}, 100_tokens);
  kv->write(SequenceId{1}, 100_tokens);
  kv->audit();
  const KvUsage usage = kv->usage();
  EXPECT_EQ(usage.reserved(), 1_GiB);
  EXPECT_EQ(usage.live, 524'288_bytes * 200);
  EXPECT_EQ(usage.reserved_future, 524'288_bytes * 20);
  EXPECT_EQ(usage.reserved_never, 1_GiB - 524'288_bytes * 220);
  kv->settle(work);
  EXPECT_EQ(work.cells_scanned, 924_tokens * 2);
  EXPECT_EQ(work.copied, 0_bytes);
  EXPECT_EQ(kv->admit(sequence_of(2, 1_tokens, 1_tokens), {.entries = 1_tokens}, work),
            Grant::later);
}

TEST(StaticCacheKv, FillsAnEmptyPoolToTheLastRow) {
  const auto kv = make_kv_cache(StaticCacheKvSpec{}, opt_6_7b_pool(2_GiB));
  EXPECT_EQ(kv->sequences_that_fit(1_tokens, 1_tokens), 4);
  EXPECT_TRUE(kv->can_ever_hold(sequence_of(0, 1_tokens, 1024_tokens)));
  EXPECT_FALSE(kv->can_ever_hold(sequence_of(0, 2_tokens, 1024_tokens)));
  StaticCacheKvSpec shorter;
  shorter.max_cache_len = 128_tokens;  // 1 MiB a row
  EXPECT_EQ(make_kv_cache(shorter, opt_6_7b_pool(2_GiB))->sequences_that_fit(1_tokens, 1_tokens),
            32);
}

// A request of four tokens that samples three more.
TEST(NoKv, EveryStepComputesTheWholeSequence) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy = StaticSpec{};
  scenario.engine.kv_cache = NoKvSpec{};
  StepLog log;
  run_listed(scenario, {a_request(0, Duration{}, 4_tokens, 4_tokens)}, log);
  const std::vector<std::string> expected{"0:4:p", "0:5:p", "0:6:p", "0:7:p finish 0"};
  EXPECT_EQ(log.lines, expected);
  for (const KvUsage& usage : log.usages) {
    EXPECT_EQ(usage.reserved(), 0_bytes);
  }
}

TEST(NoKv, RowsThatHaveEndedAreComputedAgainToo) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy = StaticSpec{};
  scenario.engine.kv_cache = NoKvSpec{};
  StepLog log;
  run_listed(
      scenario,
      {a_request(0, Duration{}, 4_tokens, 1_tokens), a_request(1, Duration{}, 2_tokens, 3_tokens)},
      log);
  const std::vector<std::string> expected{"0:4:p 1:4:p finish 0", "0:5:x 1:5:p",
                                          "0:6:x 1:6:p finish 1"};
  EXPECT_EQ(log.lines, expected);
}

TEST(NoKv, IsServedByPoliciesWithoutATokenBudget) {
  EXPECT_TRUE(why_incompatible(StaticSpec{}, NoKvSpec{}).empty());
  EXPECT_TRUE(why_incompatible(OrcaSpec{}, NoKvSpec{}).empty());
  EXPECT_TRUE(why_incompatible(FasterTransformerSpec{}, NoKvSpec{}).empty());
  EXPECT_FALSE(why_incompatible(VllmV1Spec{}, NoKvSpec{}).empty());
}

TEST(BatchShapedKv, IsServedByPaddedBatchesAlone) {
  for (const KvCacheSpec& spec : {KvCacheSpec{ConcatKvSpec{}}, KvCacheSpec{StaticCacheKvSpec{}}}) {
    EXPECT_TRUE(why_incompatible(StaticSpec{}, spec).empty());
    EXPECT_NE(why_incompatible(OrcaSpec{}, spec), "");
    EXPECT_NE(why_incompatible(VllmV1Spec{}, spec), "");
  }
}

}  // namespace
}  // namespace tessera
