// Contiguous reservations by Orca's three rules, with the closed forms of the PagedAttention
// paper's arithmetic (OPT-13B: 819,200 bytes a token).
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

Admission room_for(Tokens entries) {
  Admission admission;
  admission.entries = entries;
  return admission;
}

Admission gate_of(Tokens must_fit) {
  Admission admission;
  admission.must_fit = must_fit;
  return admission;
}

std::unique_ptr<KvCache> cache(Reserve reserve, Placement placement, Bytes pool,
                               Tokens max_model_len = 2048_tokens) {
  KvPool made;
  made.bytes = pool;
  made.bytes_per_token = opt_13b_token;
  made.max_model_len = max_model_len;
  return make_kv_cache(ContiguousKvSpec{.reserve = reserve, .placement = placement}, made);
}

void admit_and_write(KvCache& kv, const KvSequence& row, std::int64_t entries) {
  KvWork work;
  ASSERT_EQ(kv.admit(row, room_for(row.prompt), work), Grant::ok);
  kv.write(row.id, Tokens{entries});
}

// OPT-13B, (prompt, output, sampled) = (100,25,10), (300,200,100), (37,500,300).
KvUsage snapshot(Reserve reserve, Placement placement) {
  const auto kv = cache(reserve, placement, 12_GiB);
  admit_and_write(*kv, sequence(0, 100, 25), 109);
  admit_and_write(*kv, sequence(1, 300, 200), 399);
  admit_and_write(*kv, sequence(2, 37, 500), 336);
  kv->audit();
  const KvUsage usage = kv->usage();
  EXPECT_EQ(usage.live, 691'404'800_bytes);
  EXPECT_EQ(usage.reserved_future, 258'048'000_bytes);
  return usage;
}

TEST(ContiguousKv, SnapshotWithMax) {
  const KvUsage usage = snapshot(Reserve::max, Placement::buddy);
  EXPECT_EQ(usage.reserved(), 5'033'164'800_bytes);
  EXPECT_EQ(usage.reserved_never, 4'083'712'000_bytes);
  EXPECT_EQ(usage.rounding, 0_bytes);
}

TEST(ContiguousKv, SnapshotWithPow2) {
  const KvUsage usage = snapshot(Reserve::pow2, Placement::buddy);
  EXPECT_EQ(usage.reserved() - usage.rounding, opt_13b_token * 1237);
  EXPECT_EQ(usage.reserved_never, 63'897'600_bytes);
  EXPECT_EQ(usage.rounding, 874'086'400_bytes);
  EXPECT_EQ(snapshot(Reserve::pow2, Placement::best_fit).rounding, 0_bytes);
}

TEST(ContiguousKv, SnapshotWithOracle) {
  const KvUsage usage = snapshot(Reserve::oracle, Placement::buddy);
  EXPECT_EQ(usage.reserved() - usage.rounding, opt_13b_token * 1162);
  EXPECT_EQ(usage.reserved_never, opt_13b_token * 3) << "one unwritten last token each";
  EXPECT_EQ(usage.rounding, 411'238'400_bytes);
}

TEST(ContiguousKv, PagedAttentionFigure3) {
  const auto a = cache(Reserve::max, Placement::first_fit, 12_GiB, 2048_tokens);
  admit_and_write(*a, sequence(0, 7, 4), 8);  // 7 of the prompt, 1 now, 2 to come
  EXPECT_EQ(a->usage().reserved_future, opt_13b_token * 2);
  EXPECT_EQ(a->usage().reserved_never, opt_13b_token * 2038);
  const auto b = cache(Reserve::max, Placement::first_fit, 12_GiB, 512_tokens);
  admit_and_write(*b, sequence(0, 3, 3), 4);
  EXPECT_EQ(b->usage().reserved_future, opt_13b_token);
  EXPECT_EQ(b->usage().reserved_never, opt_13b_token * 507);
}

TEST(ContiguousKv, OrcaMaxHoldsSevenSequencesIn12GiB) {
  for (const Placement placement : {Placement::buddy, Placement::best_fit, Placement::first_fit}) {
    const auto kv = cache(Reserve::max, placement, 12_GiB);
    EXPECT_EQ(kv->capacity(), 15'728_tokens);
    EXPECT_EQ(kv->sequences_that_fit(100_tokens, 100_tokens), 7);
    for (std::uint32_t id = 0; id < 7; ++id) {
      admit_and_write(*kv, sequence(id, 100, 100), 100);
    }
    KvWork work;
    EXPECT_EQ(kv->admit(sequence(7, 100, 100), room_for(100_tokens), work), Grant::later);
    const KvUsage usage = kv->usage();
    EXPECT_EQ(usage.withheld, 524'288_bytes);
    EXPECT_EQ(usage.free_unusable, 1'140'326'400_bytes);
    EXPECT_EQ(usage.external_static, 1'140'326'400_bytes);
    EXPECT_EQ(usage.free_usable, 0_bytes);
    kv->audit();
  }
}

TEST(ContiguousKv, Pow2RoundsTheOutputAndStopsAtTheLongestContext) {
  const auto kv = cache(Reserve::pow2, Placement::first_fit, 12_GiB);
  admit_and_write(*kv, sequence(0, 100, 1), 100);
  EXPECT_EQ(kv->usage(SequenceId{0}).reserved, opt_13b_token * 101);
  admit_and_write(*kv, sequence(1, 100, 65), 100);
  EXPECT_EQ(kv->usage(SequenceId{1}).reserved, opt_13b_token * 228);
  admit_and_write(*kv, sequence(2, 1000, 1025), 1000);
  EXPECT_EQ(kv->usage(SequenceId{2}).reserved, opt_13b_token * 2048);
  admit_and_write(*kv, sequence(3, 100, 64, 28), 128);
  EXPECT_EQ(kv->usage(SequenceId{3}).reserved, opt_13b_token * 192) << "padding is reserved, too";
  EXPECT_EQ(kv->usage(SequenceId{3}).written, opt_13b_token * 100) << "and is no entry";
}

TEST(ContiguousKv, RowsThatGoOnForTheBatchReserveTheirTail) {
  KvSequence row = sequence(0, 100, 5);
  row.trailing_padding = 40_tokens;
  const auto pow2 = cache(Reserve::pow2, Placement::first_fit, 12_GiB);
  admit_and_write(*pow2, row, 100);
  EXPECT_EQ(pow2->usage(row.id).reserved, opt_13b_token * 144) << "beyond 100 + 8";
  const auto oracle = cache(Reserve::oracle, Placement::first_fit, 12_GiB);
  admit_and_write(*oracle, row, 100);
  EXPECT_EQ(oracle->usage(row.id).reserved, opt_13b_token * 145);
  EXPECT_EQ(oracle->usage().reserved_future, opt_13b_token * 44);
  EXPECT_EQ(oracle->usage().reserved_never, opt_13b_token);
}

TEST(ContiguousKv, DemandIsWhatTheHeadOfTheQueueCannotHave) {
  const auto kv = cache(Reserve::oracle, Placement::first_fit, opt_13b_token * 100);
  for (std::uint32_t id = 0; id < 5; ++id) {
    admit_and_write(*kv, sequence(id, 10, 10), 10);
  }
  kv->release(SequenceId{1});
  kv->release(SequenceId{3});
  EXPECT_EQ(kv->usage().free_unusable, 0_bytes) << "nobody waits";
  kv->set_head_of_queue(sequence(9, 10, 10));
  EXPECT_EQ(kv->usage().free_unusable, 0_bytes) << "20 slots are there";
  kv->set_head_of_queue(sequence(9, 10, 11));
  EXPECT_EQ(kv->usage().external_demand, opt_13b_token * 40) << "21 slots are not in one run";
  EXPECT_EQ(kv->usage().free_unusable, opt_13b_token * 40);
  EXPECT_EQ(kv->usage().free_usable, 0_bytes);
  EXPECT_EQ(kv->usage().largest_free, opt_13b_token * 20);
  kv->set_head_of_queue(sequence(9, 10, 31));
  EXPECT_EQ(kv->usage().external_demand, 0_bytes) << "41 slots are not free at all";
  kv->set_head_of_queue(std::nullopt);
  EXPECT_EQ(kv->usage().external_demand, 0_bytes);
  EXPECT_EQ(kv->usage().total(), kv->pool());
}

TEST(ContiguousKv, AReservationIsForLife) {
  const auto kv = cache(Reserve::oracle, Placement::best_fit, opt_13b_token * 64);
  KvWork work;
  admit_and_write(*kv, sequence(0, 10, 6), 10);
  EXPECT_EQ(kv->extend(SequenceId{0}, 16_tokens, work), Grant::ok);
  EXPECT_EQ(kv->extend(SequenceId{0}, 17_tokens, work), Grant::never);
  EXPECT_EQ(kv->admit(sequence(1, 10, 6), room_for(17_tokens), work), Grant::never);
  EXPECT_EQ(kv->admit(sequence(1, 10, 6), gate_of(17_tokens), work), Grant::never);
  EXPECT_EQ(kv->admit(sequence(1, 60, 5), room_for(60_tokens), work), Grant::never);
  EXPECT_EQ(kv->admit(sequence(1, 60, 4), room_for(60_tokens), work), Grant::later);
  EXPECT_EQ(work, KvWork{});
  EXPECT_FALSE(kv->free_blocks().has_value());
  EXPECT_FALSE(kv->total_blocks().has_value());
}

TEST(ContiguousKv, RoundedBuddyReservationsMayNotFitWhereExactOnesDo) {
  const auto buddy = cache(Reserve::max, Placement::buddy, opt_13b_token * 1000, 600_tokens);
  const auto fitted = cache(Reserve::max, Placement::best_fit, opt_13b_token * 1000, 600_tokens);
  EXPECT_FALSE(buddy->can_ever_hold(sequence(0, 10, 10)));
  EXPECT_EQ(buddy->sequences_that_fit(10_tokens, 10_tokens), 0);
  EXPECT_EQ(buddy->usage().free_usable, 0_bytes);
  EXPECT_TRUE(fitted->can_ever_hold(sequence(0, 10, 10)));
  EXPECT_FALSE(fitted->can_ever_hold(sequence(0, 600, 2)));
  EXPECT_EQ(fitted->usage().free_unusable, opt_13b_token * 400);
}

TEST(ContiguousKv, PoolOfOneTokenHoldsNoSequenceThatReservesItsLastToken) {
  const auto kv = cache(Reserve::oracle, Placement::buddy, opt_13b_token + 7_bytes);
  EXPECT_EQ(kv->usage().withheld, 7_bytes);
  EXPECT_FALSE(kv->can_ever_hold(sequence(0, 1, 1)));
  const auto max = cache(Reserve::max, Placement::buddy, opt_13b_token, 1_tokens);
  admit_and_write(*max, sequence(0, 1, 1), 1);
  EXPECT_EQ(max->usage().live, max->pool());
}

TEST(ContiguousKv, PoolSmallerThanATokenIsWithheld) {
  for (const Placement placement : {Placement::buddy, Placement::best_fit, Placement::first_fit}) {
    const auto kv = cache(Reserve::max, placement, opt_13b_token - 1_bytes);
    KvWork work;
    EXPECT_EQ(kv->capacity(), 0_tokens);
    EXPECT_EQ(kv->usage().withheld, kv->pool());
    EXPECT_EQ(kv->admit(sequence(0, 1, 1), room_for(1_tokens), work), Grant::never);
    kv->audit();
  }
}

TEST(ContiguousKv, AThousandIdenticalSequencesLeaveNoHole) {
  for (const Placement placement : {Placement::buddy, Placement::best_fit, Placement::first_fit}) {
    const auto kv = cache(Reserve::oracle, placement, opt_13b_token * 64'000);
    EXPECT_EQ(kv->sequences_that_fit(40_tokens, 24_tokens), 1000);
    for (std::uint32_t id = 0; id < 1000; ++id) {
      admit_and_write(*kv, sequence(id, 40, 24), 63);
    }
    EXPECT_EQ(kv->usage().free(), 0_bytes);
    for (std::uint32_t id = 0; id < 1000; ++id) {
      kv->release(SequenceId{(id * 7) % 1000});
    }
    EXPECT_EQ(kv->usage().free_usable, kv->pool());
    kv->audit();
  }
}

TEST(ContiguousKv, DoesNotSwap) {
  const auto kv = cache(Reserve::oracle, Placement::buddy, opt_13b_token * 64);
  KvWork work;
  admit_and_write(*kv, sequence(0, 4, 4), 4);
  EXPECT_EQ(kv->swap_out(SequenceId{0}, work), Grant::never);
  EXPECT_EQ(kv->usage().live, opt_13b_token * 4);
}

TEST(ContiguousKv, MistakesOfTheCallerAreInvariants) {
  const auto kv = cache(Reserve::oracle, Placement::first_fit, opt_13b_token * 64);
  KvWork work;
  EXPECT_THROW(kv->release(SequenceId{0}), InvariantViolation);
  EXPECT_THROW(static_cast<void>(kv->extend(SequenceId{0}, 1_tokens, work)), InvariantViolation);
  admit_and_write(*kv, sequence(0, 4, 4), 4);
  EXPECT_THROW(kv->write(SequenceId{0}, 5_tokens), InvariantViolation);
  EXPECT_THROW(static_cast<void>(kv->admit(sequence(0, 4, 4), room_for(4_tokens), work)),
               InvariantViolation);
  kv->audit();
  EXPECT_THROW(static_cast<void>(
                   make_kv_cache(ContiguousKvSpec{}, {.bytes = 1_GiB, .max_model_len = 1_tokens})),
               InvariantViolation);
}

TEST(KvCacheRegistry, NamesItsManagersAndTheirTraits) {
  EXPECT_EQ(kind_of(KvCacheSpec{PagedKvSpec{}}), "paged");
  EXPECT_EQ(kind_of(KvCacheSpec{ContiguousKvSpec{}}), "contiguous");
  EXPECT_EQ(traits_of(KvCacheSpec{PagedKvSpec{}}).block_size, 16_tokens);
  EXPECT_TRUE(traits_of(KvCacheSpec{PagedKvSpec{}}).swaps);
  EXPECT_FALSE(traits_of(KvCacheSpec{ContiguousKvSpec{}}).block_size.has_value());
  EXPECT_FALSE(traits_of(KvCacheSpec{ContiguousKvSpec{}}).swaps);
  EXPECT_FALSE(traits_of(KvCacheSpec{PagedKvSpec{}}).reserves_at_admission);
  EXPECT_TRUE(traits_of(KvCacheSpec{ContiguousKvSpec{}}).reserves_at_admission);
  const auto kv =
      make_kv_cache(KvCacheSpec{ContiguousKvSpec{}},
                    {.bytes = 1_GiB, .bytes_per_token = 1_MiB, .max_model_len = 128_tokens});
  EXPECT_EQ(kv->sequences_that_fit(1_tokens, 1_tokens), 8);
}

}  // namespace
}  // namespace tessera
