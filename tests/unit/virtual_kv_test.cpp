// vAttention's pages, worked out by hand for OPT-13B: 40 layers of 5,120 fp16 numbers.
#include <gtest/gtest.h>

#include <array>

#include "tessera/memory/kv_cache.hpp"

namespace tessera {
namespace {

using namespace literals;

constexpr Bytes opt_13b_token{819'200};

KvPool opt_13b_pool() {
  return {.bytes = 12_GiB,
          .bytes_per_token = opt_13b_token,
          .tensors = 80,
          .max_model_len = 2048_tokens,
          .max_num_seqs = 8};
}

std::unique_ptr<KvCache> kv_of(Bytes page_size, Tokens ahead = 0_tokens) {
  VirtualKvSpec spec;
  spec.page_size = page_size;
  spec.ahead = ahead;
  return make_kv_cache(spec, opt_13b_pool());
}

KvWork admit(KvCache& kv, std::uint32_t id, Tokens prompt, Tokens entries) {
  KvSequence sequence;
  sequence.id = SequenceId{id};
  sequence.prompt = prompt;
  sequence.output = 1000_tokens;
  KvWork work;
  EXPECT_EQ(kv.admit(sequence, {.entries = entries}, work), Grant::ok);
  return work;
}

// Prompt, output and tokens generated of (100, 25, 10), (300, 200, 100), (37, 500, 300).
void take_snapshot(KvCache& kv) {
  constexpr std::array<std::array<std::int64_t, 3>, 3> snapshot{
      {{100, 25, 10}, {300, 200, 100}, {37, 500, 300}}};
  for (std::uint32_t id = 0; id < snapshot.size(); ++id) {
    KvSequence sequence;
    sequence.id = SequenceId{id};
    sequence.prompt = Tokens{snapshot[id][0]};
    sequence.output = Tokens{snapshot[id][1]};
    const Tokens entries{snapshot[id][0] + snapshot[id][2] - 1};
    KvWork work;
    ASSERT_EQ(kv.admit(sequence, {.entries = entries}, work), Grant::ok);
    kv.write(sequence.id, entries);
  }
  kv.audit();
}

TEST(VirtualKv, SnapshotInPagesOfTwoMebibytes) {
  const auto kv = kv_of(2_MiB);
  take_snapshot(*kv);
  const KvUsage usage = kv->usage();
  EXPECT_EQ(usage.live, 691'404'800_bytes);
  EXPECT_EQ(usage.reserved(), 838'860'800_bytes);  // 5 groups of 80 pages
  EXPECT_EQ(usage.wasted(), 147'456'000_bytes);
  // 204 tokens of 10,240 bytes leave 8,192 bytes of each page.
  EXPECT_EQ(usage.rounding, Bytes{5 * 80 * 8192});
}

TEST(VirtualKv, SnapshotInPagesOf64Kibibytes) {
  const auto kv = kv_of(64_KiB);
  take_snapshot(*kv);
  EXPECT_EQ(kv->usage().live, 691'404'800_bytes);
  EXPECT_EQ(kv->usage().reserved(), 744'488'960_bytes);  // 142 groups of 6 tokens
}

TEST(VirtualKv, MapsAPageOfEveryTensorAtOnce) {
  const auto kv = kv_of(2_MiB);
  EXPECT_EQ(admit(*kv, 0, 205_tokens, 205_tokens).pages_mapped, 160);
  kv->write(SequenceId{0}, 205_tokens);
  KvWork work;
  ASSERT_EQ(kv->extend(SequenceId{0}, 408_tokens, work), Grant::ok);
  EXPECT_EQ(work, KvWork{});
  ASSERT_EQ(kv->extend(SequenceId{0}, 409_tokens, work), Grant::ok);
  EXPECT_EQ(work.pages_mapped, 80);
  const auto small = kv_of(64_KiB);
  EXPECT_EQ(admit(*small, 0, 6_tokens, 7_tokens).small_pages_mapped, 160);
}

TEST(VirtualKv, NextSequenceFindsThePagesOfOneThatHasEnded) {
  const auto kv = kv_of(2_MiB);
  EXPECT_EQ(admit(*kv, 0, 600_tokens, 600_tokens).pages_mapped, 240);
  EXPECT_EQ(admit(*kv, 1, 200_tokens, 200_tokens).pages_mapped, 80);
  kv->release(SequenceId{0});
  kv->release(SequenceId{1});
  EXPECT_EQ(kv->usage().cached_free, 2_MiB * 320);
  EXPECT_EQ(kv->usage().reserved(), 0_bytes);
  // The fewest pages that are enough, else the most.
  EXPECT_EQ(admit(*kv, 2, 100_tokens, 100_tokens), KvWork{});
  EXPECT_EQ(kv->usage().cached_free, 2_MiB * 240);
  EXPECT_EQ(admit(*kv, 3, 1000_tokens, 1000_tokens).pages_mapped, 160);
  kv->audit();
}

TEST(VirtualKv, TakesPagesBackFromIdleSlotsWhenNothingElseIsLeft) {
  KvPool pool = opt_13b_pool();
  pool.bytes = 2_MiB * 240;  // three groups
  VirtualKvSpec spec;
  spec.ahead = 0_tokens;
  const auto kv = make_kv_cache(spec, pool);
  EXPECT_EQ(kv->total_blocks(), 3_blocks);
  admit(*kv, 0, 400_tokens, 400_tokens);
  admit(*kv, 1, 100_tokens, 100_tokens);
  kv->release(SequenceId{0});
  EXPECT_EQ(kv->free_blocks(), 2_blocks);
  KvWork work;
  ASSERT_EQ(kv->extend(SequenceId{1}, 500_tokens, work), Grant::ok);
  EXPECT_EQ(work.pages_mapped, 160);
  EXPECT_EQ(kv->free_blocks(), 0_blocks);
  kv->audit();
}

TEST(VirtualKv, GivesTheNextPagesInTheBackground) {
  const auto kv = kv_of(2_MiB, 10_tokens);
  admit(*kv, 0, 190_tokens, 190_tokens);
  kv->write(SequenceId{0}, 190_tokens);
  EXPECT_EQ(kv->usage(SequenceId{0}).reserved, 2_MiB * 80);
  KvWork work;
  ASSERT_EQ(kv->extend(SequenceId{0}, 195_tokens, work), Grant::ok);
  kv->write(SequenceId{0}, 5_tokens);
  EXPECT_EQ(kv->usage(SequenceId{0}).reserved, 2_MiB * 160);
  ASSERT_EQ(kv->extend(SequenceId{0}, 205_tokens, work), Grant::ok);
  EXPECT_EQ(work, KvWork{});
}

TEST(VirtualKv, PoolSmallerThanAPageGroupIsWithheld) {
  KvPool pool = opt_13b_pool();
  pool.bytes = 2_MiB * 79;
  const auto kv = make_kv_cache(VirtualKvSpec{}, pool);
  EXPECT_EQ(kv->capacity(), 0_tokens);
  EXPECT_EQ(kv->usage().withheld, pool.bytes);
  KvSequence one;
  one.prompt = one.output = 1_tokens;
  EXPECT_FALSE(kv->can_ever_hold(one));
  EXPECT_EQ(kv->could_admit(one, {.entries = 1_tokens}), Grant::never);
}

}  // namespace
}  // namespace tessera
