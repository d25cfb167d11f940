// LightLLM's slab of tokens, TensorRT-LLM's blocks and TGI's whole budgets: what each rule grants,
// keeps back and never fills.
#include <gtest/gtest.h>

#include <variant>

#include "tessera/core/contract.hpp"
#include "tessera/engine/simulate.hpp"
#include "tessera/memory/kv_cache.hpp"
#include "tessera/memory/memory_plan.hpp"
#include "tests/support/scenarios.hpp"

namespace tessera {
namespace {

using namespace literals;

constexpr Bytes opt_13b_token{819'200};

KvSequence sequence(std::uint32_t id, std::int64_t prompt, std::int64_t output) {
  KvSequence made;
  made.id = SequenceId{id};
  made.prompt = Tokens{prompt};
  made.output = Tokens{output};
  return made;
}

KvPool pool_of(Bytes bytes, Bytes per_token = opt_13b_token) {
  KvPool pool;
  pool.bytes = bytes;
  pool.bytes_per_token = per_token;
  pool.max_model_len = 2048_tokens;
  return pool;
}

void admit_and_write(KvCache& kv, const KvSequence& row, std::int64_t entries) {
  KvWork work;
  ASSERT_EQ(kv.admit(row, Admission{.entries = Tokens{entries}}, work), Grant::ok);
  kv.write(row.id, Tokens{entries});
  kv.audit();
}

// OPT-13B, (prompt, output, sampled) = (100,25,10), (300,200,100), (37,500,300).
void write_snapshot(KvCache& kv) {
  admit_and_write(kv, sequence(0, 100, 25), 109);
  admit_and_write(kv, sequence(1, 300, 200), 399);
  admit_and_write(kv, sequence(2, 37, 500), 336);
}

TEST(TokenKv, LeavesNothingOver) {
  const auto kv = make_kv_cache(TokenKvSpec{}, pool_of(12_GiB));
  write_snapshot(*kv);
  const KvUsage usage = kv->usage();
  EXPECT_EQ(usage.live, 691'404'800_bytes);
  EXPECT_EQ(usage.reserved(), usage.live);
  EXPECT_EQ(usage.wasted(), 0_bytes);
}

TEST(TokenKv, OneTokenOfTheSlabIsForPadding) {
  const auto sized = make_kv_cache(TokenKvSpec{}, pool_of(12_GiB));
  EXPECT_EQ(sized->capacity(), 15'727_tokens) << "of 15,728 one is held";
  EXPECT_EQ(sized->usage().withheld, 524'288_bytes + opt_13b_token);
  const auto fixed = make_kv_cache(TokenKvSpec{100_tokens}, pool_of(0_bytes));
  EXPECT_EQ(fixed->capacity(), 100_tokens);
  EXPECT_EQ(fixed->pool(), opt_13b_token * 101);
  EXPECT_EQ(fixed->free_blocks(), 100_blocks);
}

TEST(TokenKv, GrowsToTheLastTokenAndNoFurther) {
  const auto kv = make_kv_cache(TokenKvSpec{20_tokens}, pool_of(0_bytes));
  KvWork work;
  admit_and_write(*kv, sequence(0, 12, 9), 12);
  admit_and_write(*kv, sequence(1, 8, 2), 8);
  EXPECT_EQ(kv->extend(SequenceId{0}, 13_tokens, work), Grant::later);
  kv->release(SequenceId{1});
  EXPECT_EQ(kv->extend(SequenceId{0}, 20_tokens, work), Grant::ok);
  EXPECT_EQ(kv->extend(SequenceId{0}, 21_tokens, work), Grant::never);
  EXPECT_EQ(kv->swap_out(SequenceId{0}, work), Grant::never);
}

TEST(TokenKv, APoolOfTheHeldTokenAloneHoldsNobody) {
  const auto kv = make_kv_cache(TokenKvSpec{}, pool_of(opt_13b_token));
  EXPECT_EQ(kv->capacity(), 0_tokens);
  EXPECT_FALSE(kv->can_ever_hold(sequence(0, 1, 1)));
  EXPECT_EQ(kv->sequences_that_fit(1_tokens, 1_tokens), 0);
}

TEST(TensorRtLlmKv, GivesBlocksOfThirtyTwo) {
  const auto kv = make_kv_cache(TensorRtLlmKvSpec{}, pool_of(12_GiB));
  write_snapshot(*kv);
  // 4 + 13 + 11 blocks for 109, 399 and 336 entries.
  EXPECT_EQ(kv->usage().reserved(), opt_13b_token * 28 * 32);
  EXPECT_EQ(kv->total_blocks(), 491_blocks);
  EXPECT_EQ(kv->free_blocks(), 463_blocks) << "none is kept back";
}

TEST(TensorRtLlmKv, MaxTokensAreRoundedUpToBlocks) {
  const auto kv = make_kv_cache(TensorRtLlmKvSpec{.max_tokens = 100_tokens}, pool_of(0_bytes));
  EXPECT_EQ(kv->capacity(), 128_tokens);
}

TEST(TensorRtLlmKv, ItsPoolIsAShareOfWhatIsFree) {
  Scenario scenario = tiny_scenario();
  scenario.engine.memory.utilization = 0.5;
  scenario.engine.kv_cache = TensorRtLlmKvSpec{.free_gpu_memory_fraction = 0.9};
  const auto plan = std::get<MemoryPlan>(plan_memory(scenario));
  const Bytes free = plan.capacity - plan.driver - plan.weights - plan.workspace;
  EXPECT_EQ(plan.pool, Bytes{static_cast<std::int64_t>(Int128{free.count()} * 9 / 10)});
  EXPECT_EQ(plan.outside + plan.graphs, free - plan.pool);
}

// 100 + 512 - 1 entries are 39 blocks; an output of ten writes 109 entries, in 7 of them.
TEST(TgiKv, GivesTheWholeBudgetOfWhichAnEarlyEndUsesAPart) {
  const auto kv = make_kv_cache(TgiKvSpec{}, pool_of(12_GiB));
  KvSequence row = sequence(0, 100, 10);
  row.max_output = 512_tokens;
  admit_and_write(*kv, row, 109);
  const KvUsage usage = kv->usage();
  EXPECT_EQ(usage.reserved(), opt_13b_token * 39 * 16);
  EXPECT_EQ(usage.live, opt_13b_token * 109);
  EXPECT_EQ(usage.reserved_future, 0_bytes);
  EXPECT_EQ(usage.reserved_never, opt_13b_token * (39 * 16 - 109));
  // Whole blocks that nobody ever touches.
  EXPECT_EQ(usage.reserved_never / (opt_13b_token * 16), 32);
}

TEST(TgiKv, WithoutALimitReservesWhatTheOutputNeeds) {
  const auto kv = make_kv_cache(TgiKvSpec{}, pool_of(12_GiB));
  admit_and_write(*kv, sequence(0, 100, 10), 109);
  EXPECT_EQ(kv->usage().reserved(), opt_13b_token * 7 * 16);
  EXPECT_EQ(kv->usage().reserved_never, opt_13b_token * 3);
}

TEST(TgiKv, SpeculationReservesItsSlots) {
  const auto kv = make_kv_cache(TgiKvSpec{.speculate = 3_tokens}, pool_of(12_GiB));
  // 100 + 10 + 3 - 1 = 112 entries are seven blocks to the last slot; one more is an eighth.
  admit_and_write(*kv, sequence(0, 100, 10), 100);
  EXPECT_EQ(kv->usage().reserved(), opt_13b_token * 7 * 16);
  admit_and_write(*kv, sequence(1, 101, 10), 100);
  EXPECT_EQ(kv->usage().reserved(), opt_13b_token * 15 * 16);
}

TEST(TgiKv, BlockZeroServesHealthChecks) {
  const auto kv = make_kv_cache(TgiKvSpec{.num_blocks = 10_blocks}, pool_of(0_bytes));
  EXPECT_EQ(kv->free_blocks(), 9_blocks);
  EXPECT_EQ(kv->usage().withheld, opt_13b_token * 16);
  EXPECT_TRUE(kv->can_ever_hold(sequence(0, 100, 45)));
  EXPECT_FALSE(kv->can_ever_hold(sequence(0, 100, 46)));
}

TEST(TgiKv, AReservationIsForLife) {
  const auto kv = make_kv_cache(TgiKvSpec{}, pool_of(12_GiB));
  admit_and_write(*kv, sequence(0, 16, 17), 16);
  KvWork work;
  EXPECT_EQ(kv->extend(SequenceId{0}, 32_tokens, work), Grant::ok);
  EXPECT_EQ(kv->extend(SequenceId{0}, 33_tokens, work), Grant::never);
  kv->release(SequenceId{0});
  EXPECT_EQ(kv->usage().reserved(), 0_bytes);
}

}  // namespace
}  // namespace tessera
