// llama.cpp's cells, by hand.
#include <gtest/gtest.h>

#include "tessera/memory/kv_cache.hpp"

namespace tessera {
namespace {

using namespace literals;

std::unique_ptr<KvCache> kv_of(CellChoice choice, Tokens cells,
                               std::optional<std::int64_t> slots = std::nullopt) {
  CellsKvSpec spec;
  spec.choice = choice;
  spec.num_cells = cells;
  spec.padding = 32_tokens;
  spec.slots = slots;
  return make_kv_cache(spec, {.bytes_per_token = 1_bytes, .max_model_len = 4096_tokens});
}

Grant admit(KvCache& kv, std::uint32_t id, Tokens prompt) {
  KvSequence sequence;
  sequence.id = SequenceId{id};
  sequence.prompt = prompt;
  sequence.output = 100_tokens;
  KvWork work;
  const Grant grant = kv.admit(sequence, {.entries = prompt}, work);
  kv.audit();
  return grant;
}

Tokens scanned(KvCache& kv) {
  KvWork work;
  kv.settle(work);
  return work.cells_scanned;
}

TEST(CellsKv, AttentionScansUpToTheLastUsedCellRoundedUp) {
  const auto kv = kv_of(CellChoice::any, 1000_tokens);
  EXPECT_EQ(scanned(*kv), 0_tokens);
  ASSERT_EQ(admit(*kv, 0, 40_tokens), Grant::ok);
  EXPECT_EQ(scanned(*kv), 24_tokens);  // 64 − 40
  ASSERT_EQ(admit(*kv, 1, 100_tokens), Grant::ok);
  EXPECT_EQ(scanned(*kv), 20_tokens);  // 160 − 140
  kv->release(SequenceId{0});
  EXPECT_EQ(scanned(*kv), 60_tokens);  // the last used cell has not moved
  ASSERT_EQ(admit(*kv, 2, 10_tokens), Grant::ok);
  EXPECT_EQ(scanned(*kv), 50_tokens);  // into the cells that were given back
}

TEST(CellsKv, LastCellsAreScannedWithoutPadding) {
  const auto kv = kv_of(CellChoice::any, 50_tokens);
  ASSERT_EQ(admit(*kv, 0, 45_tokens), Grant::ok);
  EXPECT_EQ(scanned(*kv), 5_tokens);
}

TEST(CellsKv, ContiguousTokensNeedARunAndAnyTokensDoNot) {
  for (const CellChoice choice : {CellChoice::contiguous, CellChoice::any}) {
    const auto kv = kv_of(choice, 100_tokens);
    for (std::uint32_t id = 0; id < 5; ++id) {
      ASSERT_EQ(admit(*kv, id, 20_tokens), Grant::ok);
    }
    kv->release(SequenceId{1});
    kv->release(SequenceId{3});
    KvSequence head;
    head.prompt = 30_tokens;
    head.output = 1_tokens;
    kv->set_head_of_queue(head);
    const bool contiguous = choice == CellChoice::contiguous;
    EXPECT_EQ(kv->usage().external_demand, contiguous ? 40_bytes : 0_bytes);
    EXPECT_EQ(kv->usage().largest_free, contiguous ? 20_bytes : 40_bytes);
    EXPECT_EQ(admit(*kv, 5, 30_tokens), contiguous ? Grant::later : Grant::ok);
  }
}

TEST(CellsKv, SlotsShareTheCellsEvenly) {
  const auto kv = kv_of(CellChoice::any, 100_tokens, 3);
  EXPECT_EQ(kv->sequences_that_fit(10_tokens, 1_tokens), 3);
  EXPECT_EQ(admit(*kv, 0, 34_tokens), Grant::never);
  for (std::uint32_t id = 0; id < 3; ++id) {
    ASSERT_EQ(admit(*kv, id, 30_tokens), Grant::ok);
  }
  EXPECT_EQ(admit(*kv, 3, 1_tokens), Grant::later);
  KvWork work;
  EXPECT_EQ(kv->extend(SequenceId{0}, 33_tokens, work), Grant::ok);
  EXPECT_EQ(kv->extend(SequenceId{0}, 34_tokens, work), Grant::never);
}

TEST(CellsKv, AsManyCellsAsMemoryHoldsButNoMoreThanCanBeFilled) {
  const KvPool pool{.bytes = 10'001_bytes,
                    .bytes_per_token = 10_bytes,
                    .max_model_len = 128_tokens,
                    .max_num_seqs = 4};
  const auto few = make_kv_cache(CellsKvSpec{}, pool);
  EXPECT_EQ(few->capacity(), 512_tokens);
  EXPECT_EQ(few->usage().withheld, 10'001_bytes - 5120_bytes);
  KvPool more = pool;
  more.max_num_seqs = 16;
  EXPECT_EQ(make_kv_cache(CellsKvSpec{}, more)->capacity(), 1000_tokens);
}

}  // namespace
}  // namespace tessera
