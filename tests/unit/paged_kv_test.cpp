// The paged KV cache: vLLM's rules by example, and the closed forms of the PagedAttention paper's
// arithmetic (OPT-13B: 819,200 bytes a token).
#include <gtest/gtest.h>

#include <vector>

#include "tessera/core/contract.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {
namespace {

using namespace literals;

constexpr Bytes opt_13b_token{819'200};

KvSequence sequence(std::uint32_t id, std::int64_t prompt, std::int64_t output,
                    std::int64_t left_padding = 0) {
  KvSequence made;
  made.id = SequenceId{id};
  made.prompt = Tokens{prompt};
  made.output = Tokens{output};
  made.left_padding = Tokens{left_padding};
  return made;
}

Admission room_for(std::int64_t entries) {
  Admission admission;
  admission.entries = Tokens{entries};
  return admission;
}

Admission beside_others(std::int64_t entries) {
  Admission admission = room_for(entries);
  admission.watermark_applies = true;
  return admission;
}

Admission gated(std::int64_t entries, std::int64_t must_fit) {
  Admission admission = room_for(entries);
  admission.must_fit = Tokens{must_fit};
  return admission;
}

KvPool pool_of(Bytes bytes) {
  KvPool pool;
  pool.bytes = bytes;
  pool.bytes_per_token = opt_13b_token;
  pool.max_model_len = 2048_tokens;
  return pool;
}

struct PagedKv : testing::Test {
  std::unique_ptr<KvCache> kv;
  KvWork work;

  void build(std::int64_t num_blocks, bool null_block = false, double watermark = 0.0) {
    PagedKvSpec spec;
    spec.num_blocks = Blocks{num_blocks};
    spec.watermark = watermark;
    KvPool pool = pool_of(0_bytes);
    pool.null_block = null_block;
    kv = make_kv_cache(spec, pool);
  }
  void admit_and_write(const KvSequence& row, std::int64_t entries) {
    ASSERT_EQ(kv->admit(row, room_for(entries), work), Grant::ok);
    kv->write(row.id, Tokens{entries});
  }
};

TEST_F(PagedKv, PoolOf12GiBHas983BlocksAndATail) {
  kv = make_kv_cache(PagedKvSpec{}, pool_of(12_GiB));
  EXPECT_EQ(kv->pool(), 12_GiB);
  EXPECT_EQ(kv->total_blocks(), 983_blocks);
  EXPECT_EQ(kv->free_blocks(), 983_blocks);
  EXPECT_EQ(kv->usage().withheld, 524'288_bytes);
  EXPECT_EQ(kv->capacity(), 15'728_tokens);
  EXPECT_EQ(kv->usage().total(), kv->pool());
}

TEST_F(PagedKv, WatermarkOfOnePercentIsNineBlocksAndOnlyBesideOthers) {
  build(983, false, 0.01);
  EXPECT_EQ(kv->usage().withheld, opt_13b_token * 16 * 9);
  ASSERT_EQ(kv->admit(sequence(0, 967 * 16, 1), room_for(967 * 16), work), Grant::ok);
  ASSERT_EQ(kv->free_blocks(), 16_blocks);
  EXPECT_EQ(kv->admit(sequence(1, 100, 1), beside_others(100), work), Grant::ok);
  ASSERT_EQ(kv->free_blocks(), 9_blocks);
  EXPECT_EQ(kv->admit(sequence(2, 1, 1), beside_others(1), work), Grant::later);
  EXPECT_EQ(kv->admit(sequence(2, 1, 1), room_for(1), work), Grant::ok);
  EXPECT_EQ(kv->usage().withheld, opt_13b_token * 16 * 8) << "as far as they are free";
  EXPECT_EQ(kv->extend(SequenceId{2}, 9_tokens * 16, work), Grant::ok) << "growth may take all";
  EXPECT_EQ(kv->free_blocks(), 0_blocks);
}

TEST_F(PagedKv, FifteenFreeBlocksAndAPromptOfSevenWaitForTheWatermark) {
  build(983, false, 0.01);
  ASSERT_EQ(kv->admit(sequence(0, 968 * 16, 1), room_for(968 * 16), work), Grant::ok);
  ASSERT_EQ(kv->free_blocks(), 15_blocks);
  EXPECT_EQ(kv->admit(sequence(1, 100, 1), beside_others(100), work), Grant::later);
  EXPECT_EQ(kv->admit(sequence(1, 96, 1), beside_others(96), work), Grant::ok);
}

TEST_F(PagedKv, MustFitIsAGateAndNoReservation) {
  build(8);
  EXPECT_EQ(kv->admit(sequence(0, 129, 1), gated(16, 129), work), Grant::never);
  EXPECT_EQ(kv->admit(sequence(0, 128, 1), gated(16, 128), work), Grant::ok);
  EXPECT_EQ(kv->free_blocks(), 7_blocks);
  EXPECT_EQ(kv->admit(sequence(1, 128, 1), gated(16, 128), work), Grant::later);
  EXPECT_EQ(kv->free_blocks(), 7_blocks);
}

TEST_F(PagedKv, NullBlockIsCountedButNeverOwned) {
  build(4, true);
  EXPECT_EQ(kv->total_blocks(), 4_blocks);
  EXPECT_EQ(kv->free_blocks(), 3_blocks);
  EXPECT_EQ(kv->usage().withheld, opt_13b_token * 16);
  EXPECT_FALSE(kv->can_ever_hold(sequence(0, 49, 1)));
  EXPECT_TRUE(kv->can_ever_hold(sequence(0, 48, 1)));
  EXPECT_EQ(kv->admit(sequence(0, 49, 1), room_for(49), work), Grant::never);
  EXPECT_EQ(kv->admit(sequence(0, 48, 1), room_for(48), work), Grant::ok);
  kv->audit();
}

TEST_F(PagedKv, SnapshotOfThreeSequences) {
  kv = make_kv_cache(PagedKvSpec{}, pool_of(12_GiB));
  admit_and_write(sequence(0, 100, 25), 109);
  admit_and_write(sequence(1, 300, 200), 399);
  admit_and_write(sequence(2, 37, 500), 336);
  const KvUsage usage = kv->usage();
  EXPECT_EQ(kv->free_blocks(), Blocks{983 - 53});
  EXPECT_EQ(usage.live, 691'404'800_bytes);
  EXPECT_EQ(usage.reserved_future, 3'276'800_bytes);
  EXPECT_EQ(usage.reserved_never, 0_bytes);
  EXPECT_EQ(usage.reserved(), 694'681'600_bytes);
  EXPECT_EQ(usage.wasted(), 3'276'800_bytes);
  kv->audit();
}

TEST_F(PagedKv, SlackBeyondTheEndWillNeverBeWritten) {
  build(4);
  admit_and_write(sequence(0, 20, 5), 20);  // ends with 24 entries in 32 cells
  EXPECT_EQ(kv->usage().reserved_future, opt_13b_token * 4);
  EXPECT_EQ(kv->usage().reserved_never, opt_13b_token * 8);
}

TEST_F(PagedKv, BlockForTheNextTokenComesWithTheNextToken) {
  build(4);
  admit_and_write(sequence(0, 16, 3), 16);
  EXPECT_EQ(kv->free_blocks(), 3_blocks);
  ASSERT_EQ(kv->extend(SequenceId{0}, 17_tokens, work), Grant::ok);
  EXPECT_EQ(kv->free_blocks(), 2_blocks);
  EXPECT_EQ(kv->extend(SequenceId{0}, 17_tokens, work), Grant::ok);
  EXPECT_EQ(kv->free_blocks(), 2_blocks);
  EXPECT_EQ(work, KvWork{});
}

TEST_F(PagedKv, ChunksOfALongPromptBesideAHundredDecodes) {
  build(1000);
  for (std::uint32_t id = 0; id < 100; ++id) {
    admit_and_write(sequence(id, 15, 20), 15);
    ASSERT_EQ(kv->extend(SequenceId{id}, 16_tokens, work), Grant::ok);
  }
  ASSERT_EQ(kv->free_blocks(), 900_blocks);
  ASSERT_EQ(kv->admit(sequence(100, 3000, 10), room_for(1948), work), Grant::ok);
  EXPECT_EQ(kv->free_blocks(), Blocks{900 - 122});
  kv->write(SequenceId{100}, 1948_tokens);
  ASSERT_EQ(kv->extend(SequenceId{100}, 3000_tokens, work), Grant::ok);
  EXPECT_EQ(kv->free_blocks(), Blocks{900 - 122 - 66});
}

TEST_F(PagedKv, ExtendAnswersLaterWhenOthersHoldTheBlocksAndNeverWhenThePoolIsTooSmall) {
  build(4);
  admit_and_write(sequence(0, 32, 9), 32);
  admit_and_write(sequence(1, 32, 9), 32);
  EXPECT_EQ(kv->extend(SequenceId{0}, 33_tokens, work), Grant::later);
  EXPECT_EQ(kv->extend(SequenceId{0}, 65_tokens, work), Grant::never);
  kv->release(SequenceId{1});
  EXPECT_EQ(kv->extend(SequenceId{0}, 33_tokens, work), Grant::ok);
}

TEST_F(PagedKv, ReservedForLifeOwnsTheLongestContextAndNeverAsksAgain) {
  PagedKvSpec spec;
  spec.reserve = BlockReserve::max_model_len;
  spec.num_blocks = 257_blocks;
  EXPECT_TRUE(spec.traits().reserves_at_admission);
  kv = make_kv_cache(spec, pool_of(0_bytes));
  admit_and_write(sequence(0, 5, 3), 5);
  EXPECT_EQ(kv->free_blocks(), Blocks{257 - 128});
  EXPECT_EQ(kv->usage().reserved_future, opt_13b_token * 2);
  EXPECT_EQ(kv->usage().reserved_never, opt_13b_token * (2048 - 7));
  admit_and_write(sequence(1, 5, 3), 5);
  EXPECT_EQ(kv->free_blocks(), 1_blocks);
  EXPECT_EQ(kv->admit(sequence(2, 5, 3), room_for(5), work), Grant::later);
  EXPECT_EQ(kv->extend(SequenceId{0}, 2048_tokens, work), Grant::ok);
  EXPECT_EQ(kv->extend(SequenceId{0}, 2049_tokens, work), Grant::never);
  EXPECT_EQ(kv->free_blocks(), 1_blocks);
  EXPECT_FALSE(kv->can_ever_hold(sequence(3, 2048, 2)));
  EXPECT_EQ(kv->sequences_that_fit(10_tokens, 10_tokens), 2);
  kv->audit();
}

// Where every admission leaves the watermark free and every decode wants a free block (vLLM v0,
// Sarathi-Serve), whoever reserves the longest context must leave room for both, or never runs.
TEST_F(PagedKv, ReservedForLifeCanNeverHoldWhatLeavesNoWatermark) {
  PagedKvSpec spec;
  spec.reserve = BlockReserve::max_model_len;
  KvPool pool = pool_of(0_bytes);
  pool.watermark_always = true;
  const auto with = [&](std::int64_t num_blocks, double watermark) {
    spec.num_blocks = Blocks{num_blocks};
    spec.watermark = watermark;
    return make_kv_cache(spec, pool);
  };
  EXPECT_FALSE(with(128, 0.01)->can_ever_hold(sequence(0, 5, 3))) << "128 of the context and 1";
  EXPECT_TRUE(with(129, 0.01)->can_ever_hold(sequence(0, 5, 3)));
  EXPECT_FALSE(with(128, 0.0)->can_ever_hold(sequence(0, 5, 3))) << "nothing free for a decode";
  EXPECT_TRUE(with(128, 0.0)->can_ever_hold(sequence(0, 5, 1))) << "it never decodes";
  pool.watermark_always = false;
  EXPECT_TRUE(with(128, 0.01)->can_ever_hold(sequence(0, 5, 3)));
}

TEST_F(PagedKv, StaticBatchAtItsLastStep) {
  // Prompts 10, 50 and 100 padded to 100; outputs 5, 20 and 100: 597 cells.
  build(100);
  const std::int64_t prompts[] = {10, 50, 100};
  const std::int64_t outputs[] = {5, 20, 100};
  for (std::uint32_t id = 0; id < 3; ++id) {
    KvSequence row = sequence(id, prompts[id], outputs[id], 100 - prompts[id]);
    row.trailing_padding = Tokens{100 - outputs[id]};
    ASSERT_EQ(row.final_entries(), 199_tokens);
    const std::int64_t own_end = 100 + outputs[id] - 1;
    admit_and_write(row, own_end);
    if (own_end < 199) {
      kv->end_of_sequence(row.id);
      ASSERT_EQ(kv->extend(row.id, 199_tokens, work), Grant::ok);
      EXPECT_GT(kv->usage().reserved_future, 0_bytes) << "the row goes on";
      kv->write(row.id, Tokens{199 - own_end});
    }
  }
  const KvUsage usage = kv->usage();
  EXPECT_EQ(usage.live, opt_13b_token * 199);
  EXPECT_EQ(usage.dead, opt_13b_token * 83);
  EXPECT_EQ(usage.pad, opt_13b_token * 315);
  EXPECT_EQ(usage.live + usage.dead + usage.pad, opt_13b_token * 597);
  EXPECT_EQ(usage.reserved_future, 0_bytes);
  kv->audit();
}

TEST_F(PagedKv, PreemptedSequenceComesBackEmptyWithTheSameEnd) {
  build(8);
  const KvSequence row = sequence(3, 20, 30);
  admit_and_write(row, 40);
  kv->release(row.id);
  EXPECT_EQ(kv->free_blocks(), 8_blocks);
  EXPECT_EQ(kv->usage(row.id).reserved, 0_bytes);
  ASSERT_EQ(kv->admit(row, room_for(41), work), Grant::ok);
  EXPECT_EQ(kv->usage().live, 0_bytes);
  EXPECT_EQ(kv->usage().reserved_future, opt_13b_token * 48);
  EXPECT_EQ(kv->usage(row.id).reserved, opt_13b_token * 48);
  EXPECT_EQ(kv->usage(row.id).written, 0_bytes);
}

TEST_F(PagedKv, WatermarkIsThePolicysUnlessTheSpecHasItsOwn) {
  KvPool pool = pool_of(opt_13b_token * 16 * 100);
  pool.watermark = 0.05;
  PagedKvSpec spec;
  EXPECT_EQ(make_kv_cache(spec, pool)->usage().withheld, opt_13b_token * 16 * 5);
  spec.watermark = 0.0;
  EXPECT_EQ(make_kv_cache(spec, pool)->usage().withheld, 0_bytes);
}

TEST_F(PagedKv, SwappedSequenceComesBackAsItWas) {
  KvPool pool = pool_of(opt_13b_token * 16 * 10);
  pool.host_bytes = opt_13b_token * 16 * 3;
  pool.watermark = 0.1;
  kv = make_kv_cache(PagedKvSpec{}, pool);
  admit_and_write(sequence(0, 40, 10), 42);
  admit_and_write(sequence(1, 20, 10), 20);
  const KvUsage before = kv->usage();
  ASSERT_EQ(kv->swap_out(SequenceId{0}, work), Grant::ok);
  EXPECT_EQ(work.swapped_out, opt_13b_token * 48);
  EXPECT_EQ(kv->usage().live, opt_13b_token * 20);
  EXPECT_EQ(kv->usage(SequenceId{0}).reserved, 0_bytes);
  EXPECT_EQ(kv->free_blocks(), 8_blocks);
  EXPECT_EQ(kv->swap_out(SequenceId{1}, work), Grant::later) << "host memory is full";
  admit_and_write(sequence(2, 70, 1), 70);
  ASSERT_EQ(kv->free_blocks(), 3_blocks);
  EXPECT_EQ(kv->swap_in(SequenceId{0}, work), Grant::later) << "2 full blocks, 1 more, watermark 1";
  kv->release(SequenceId{2});
  EXPECT_EQ(work.swapped_in, 0_bytes);
  ASSERT_EQ(kv->swap_in(SequenceId{0}, work), Grant::ok);
  EXPECT_EQ(work.swapped_in, opt_13b_token * 48);
  EXPECT_EQ(kv->usage(), before);
  ASSERT_EQ(kv->swap_out(SequenceId{1}, work), Grant::ok);
  kv->release(SequenceId{1});
  EXPECT_EQ(kv->swap_out(SequenceId{0}, work), Grant::ok) << "a release frees host memory, too";
  kv->audit();
}

TEST_F(PagedKv, PoolOfOneBlock) {
  build(1);
  EXPECT_EQ(kv->sequences_that_fit(16_tokens, 1_tokens), 1);
  EXPECT_EQ(kv->sequences_that_fit(16_tokens, 2_tokens), 0);
  admit_and_write(sequence(0, 1, 1), 1);
  EXPECT_EQ(kv->admit(sequence(1, 1, 1), room_for(1), work), Grant::later);
  EXPECT_EQ(kv->extend(SequenceId{0}, 17_tokens, work), Grant::never);
  EXPECT_EQ(kv->usage().free(), 0_bytes);
  kv->audit();
}

TEST_F(PagedKv, PoolOfNothingButTheNullBlock) {
  build(1, true);
  EXPECT_EQ(kv->capacity(), 0_tokens);
  EXPECT_FALSE(kv->can_ever_hold(sequence(0, 1, 1)));
  EXPECT_EQ(kv->admit(sequence(0, 1, 1), room_for(1), work), Grant::never);
  EXPECT_EQ(kv->usage().withheld, kv->pool());
  kv->audit();
}

TEST_F(PagedKv, PoolSmallerThanABlockIsWithheld) {
  KvPool pool = pool_of(opt_13b_token * 15);
  pool.null_block = true;
  kv = make_kv_cache(PagedKvSpec{}, pool);
  EXPECT_EQ(kv->total_blocks(), 0_blocks);
  EXPECT_EQ(kv->free_blocks(), 0_blocks);
  EXPECT_EQ(kv->usage().withheld, kv->pool());
  EXPECT_FALSE(kv->can_ever_hold(sequence(0, 1, 1)));
  EXPECT_EQ(kv->sequences_that_fit(1_tokens, 1_tokens), 0);
  kv->audit();
}

TEST_F(PagedKv, RequestOfOneTokenHoldsOneEntry) {
  build(2);
  admit_and_write(sequence(0, 1, 1), 1);
  EXPECT_EQ(kv->usage().live, opt_13b_token);
  EXPECT_EQ(kv->usage().reserved_future, 0_bytes);
  EXPECT_EQ(kv->usage().reserved_never, opt_13b_token * 15);
}

TEST_F(PagedKv, AThousandIdenticalSequencesComeAndGo) {
  build(7000);
  for (int round = 0; round < 3; ++round) {
    for (std::uint32_t id = 0; id < 1000; ++id) {
      admit_and_write(sequence(id, 100, 12), 111);
    }
    EXPECT_EQ(kv->free_blocks(), 0_blocks);
    EXPECT_EQ(kv->usage().live, opt_13b_token * 111'000);
    kv->audit();
    for (std::uint32_t id = 0; id < 1000; ++id) {
      kv->release(SequenceId{id});
    }
    EXPECT_EQ(kv->usage().free_usable, kv->pool());
  }
}

TEST_F(PagedKv, MistakesOfTheCallerAreInvariants) {
  build(4);
  EXPECT_THROW(kv->release(SequenceId{0}), InvariantViolation);
  EXPECT_THROW(kv->write(SequenceId{7}, 1_tokens), InvariantViolation);
  EXPECT_THROW(static_cast<void>(kv->extend(SequenceId{7}, 1_tokens, work)), InvariantViolation);
  admit_and_write(sequence(0, 10, 9), 10);
  EXPECT_THROW(kv->write(SequenceId{0}, 7_tokens), InvariantViolation) << "beyond its room";
  EXPECT_THROW(static_cast<void>(kv->admit(sequence(0, 10, 9), room_for(10), work)),
               InvariantViolation);
  kv->end_of_sequence(SequenceId{0});
  EXPECT_THROW(kv->end_of_sequence(SequenceId{0}), InvariantViolation);
  kv->audit();
}

}  // namespace
}  // namespace tessera
