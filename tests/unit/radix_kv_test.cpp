// SGLang's radix cache: what a new sequence finds, what goes into the tree and when, who is
// evicted.
#include <gtest/gtest.h>

#include "tessera/memory/kv_cache.hpp"

namespace tessera {
namespace {

using namespace literals;

KvSequence sequence(std::uint32_t id, std::int64_t conversation, std::int64_t prompt,
                    std::int64_t output, std::int64_t group = -1, std::int64_t shared = 0) {
  KvSequence made;
  made.id = SequenceId{id};
  made.prompt = Tokens{prompt};
  made.output = Tokens{output};
  made.content.conversation = conversation;
  made.content.group = group;
  made.content.shared_prefix = Tokens{shared};
  return made;
}

// A byte a token.
std::unique_ptr<KvCache> cache(std::int64_t tokens, std::int64_t page = 1) {
  KvPool pool;
  pool.bytes_per_token = 1_bytes;
  pool.max_model_len = 2048_tokens;
  return make_kv_cache(RadixKvSpec{Tokens{page}, Tokens{tokens}}, pool);
}

// Prefills the prompt in one step; returns what was found in the cache.
std::int64_t prefill(KvCache& kv, const KvSequence& row) {
  KvWork work;
  const Tokens cached = kv.cached_prefix(row, row.prompt);
  EXPECT_EQ(kv.admit(row, {.entries = row.prompt, .cached = cached, .known = row.prompt}, work),
            Grant::ok);
  kv.write(row.id, row.prompt - cached);
  kv.audit();
  return cached.count();
}

void decode(KvCache& kv, const KvSequence& row, std::int64_t steps) {
  KvWork work;
  for (std::int64_t i = 1; i <= steps; ++i) {
    const Tokens entries = row.prompt + Tokens{i};
    ASSERT_EQ(kv.extend(row.id, entries, work), Grant::ok);
    kv.write(row.id, 1_tokens);
    kv.audit();
  }
}

void finish(KvCache& kv, const KvSequence& row) {
  kv.end_of_sequence(row.id);
  kv.release(row.id);
  kv.audit();
}

TEST(RadixKv, AnIdenticalPromptIsFoundExceptForItsLastToken) {
  const auto kv = cache(1000);
  EXPECT_EQ(prefill(*kv, sequence(0, 7, 100, 4)), 0);
  EXPECT_EQ(prefill(*kv, sequence(1, 7, 100, 4)), 99);
  // The last token was computed again, and its copy given back: both stand on the same hundred.
  EXPECT_EQ(kv->usage().live, 100_bytes);
  EXPECT_EQ(kv->usage().duplicate, 0_bytes);
  EXPECT_EQ(kv->usage(SequenceId{1}).written, 100_bytes);
  EXPECT_EQ(kv->free_blocks(), 900_blocks);
}

TEST(RadixKv, PrefillsGoIntoTheTreeAtOnceAndOutputsAtTheEnd) {
  const auto kv = cache(1000);
  const KvSequence first = sequence(0, 7, 50, 11);
  prefill(*kv, first);
  EXPECT_EQ(kv->cached_prefix(sequence(1, 7, 80, 1), 80_tokens), 50_tokens);
  decode(*kv, first, 10);
  EXPECT_EQ(kv->cached_prefix(sequence(1, 7, 80, 1), 80_tokens), 50_tokens);
  finish(*kv, first);
  EXPECT_EQ(kv->cached_prefix(sequence(1, 7, 80, 1), 80_tokens), 60_tokens);
  EXPECT_EQ(kv->usage().cached_prefix, 60_bytes);
  EXPECT_EQ(kv->usage().live, 0_bytes);
  EXPECT_EQ(kv->free_blocks(), 1000_blocks) << "what can be evicted can be had";
}

TEST(RadixKv, WhoIsPreemptedLeavesItsPrefillAndLosesItsOutput) {
  const auto kv = cache(1000);
  const KvSequence row = sequence(0, 7, 50, 11);
  prefill(*kv, row);
  decode(*kv, row, 5);
  kv->release(row.id);
  kv->audit();
  EXPECT_EQ(kv->usage().cached_prefix, 50_bytes);
  EXPECT_EQ(kv->cached_prefix(row, 56_tokens), 50_tokens);
}

TEST(RadixKv, TokensAreSharedUpToTheOneThatDiffers) {
  const auto kv = cache(1000);
  prefill(*kv, sequence(0, 1, 40, 2, 3, 25));
  EXPECT_EQ(prefill(*kv, sequence(1, 2, 40, 2, 3, 25)), 25);
  EXPECT_EQ(kv->usage().live, 55_bytes);
}

TEST(RadixKv, PagesAreSharedWhole) {
  const auto kv = cache(1024, 16);
  prefill(*kv, sequence(0, 1, 40, 2, 3, 25));
  EXPECT_EQ(prefill(*kv, sequence(1, 2, 40, 2, 3, 25)), 16);
  // Two rows of three pages, the first of which is one.
  EXPECT_EQ(kv->free_blocks(), 59_blocks);
  const KvUsage usage = kv->usage();
  EXPECT_EQ(usage.live, 64_bytes);
  EXPECT_EQ(usage.reserved_future, 2_bytes);
  EXPECT_EQ(usage.reserved_never, 14_bytes);
}

TEST(RadixKv, TwoWhoComputeTheSameAtOnceShareItAfterwards) {
  const auto kv = cache(1000);
  KvWork work;
  const KvSequence first = sequence(0, 7, 30, 2);
  const KvSequence second = sequence(1, 7, 30, 2);
  const Admission whole{.entries = 30_tokens, .known = 30_tokens};
  ASSERT_EQ(kv->admit(first, whole, work), Grant::ok);
  ASSERT_EQ(kv->admit(second, whole, work), Grant::ok);
  EXPECT_EQ(kv->free_blocks(), 940_blocks);
  kv->write(first.id, 30_tokens);
  kv->write(second.id, 30_tokens);
  kv->audit();
  EXPECT_EQ(kv->free_blocks(), 970_blocks);
  EXPECT_EQ(kv->usage().live, 30_bytes);
}

TEST(RadixKv, TheLeastRecentlyUsedLeafIsEvictedWhole) {
  const auto kv = cache(100);
  for (const std::uint32_t id : {0U, 1U, 2U}) {
    const KvSequence row = sequence(id, id, 30, 1);
    prefill(*kv, row);
    finish(*kv, row);
  }
  // Asking for it makes the oldest the most recent.
  EXPECT_EQ(kv->cached_prefix(sequence(9, 0, 31, 1), 31_tokens), 30_tokens);
  prefill(*kv, sequence(3, 3, 15, 1));
  EXPECT_EQ(kv->cached_prefix(sequence(9, 0, 31, 1), 31_tokens), 30_tokens);
  EXPECT_EQ(kv->cached_prefix(sequence(9, 1, 31, 1), 31_tokens), 0_tokens);
  EXPECT_EQ(kv->cached_prefix(sequence(9, 2, 31, 1), 31_tokens), 30_tokens);
  // Fifteen were asked for and ten were free: the leaf gave thirty.
  EXPECT_EQ(kv->usage().free_usable, 25_bytes);
}

TEST(RadixKv, WhatIsInUseIsNotEvicted) {
  const auto kv = cache(100);
  prefill(*kv, sequence(0, 0, 60, 5));
  KvWork work;
  const Admission whole{.entries = 50_tokens, .known = 50_tokens};
  EXPECT_EQ(kv->admit(sequence(1, 1, 50, 1), whole, work), Grant::later);
  kv->release(SequenceId{0});
  EXPECT_EQ(kv->admit(sequence(1, 1, 50, 1), whole, work), Grant::ok);
  kv->audit();
  EXPECT_EQ(kv->usage().cached_prefix, 0_bytes);
}

TEST(RadixKv, AFoundPrefixNoLongerCountsAsFree) {
  const auto kv = cache(100);
  const KvSequence row = sequence(0, 0, 80, 1);
  prefill(*kv, row);
  finish(*kv, row);
  // Of 80 that can be evicted 79 are its own prefix: 20 free ones and one are left.
  const KvSequence longer = sequence(1, 0, 101, 1);
  const Tokens cached = kv->cached_prefix(longer, 80_tokens);
  EXPECT_EQ(cached, 79_tokens);
  EXPECT_EQ(kv->could_admit(longer, {.entries = 100_tokens, .cached = cached}), Grant::ok);
  EXPECT_EQ(kv->could_admit(longer, {.entries = 101_tokens, .cached = cached}), Grant::never);
  prefill(*kv, sequence(2, 5, 10, 1));
  EXPECT_EQ(kv->could_admit(longer, {.entries = 100_tokens, .cached = cached}), Grant::later);
}

TEST(RadixKv, AThousandIdenticalSequencesStandOnOnePrompt) {
  const auto kv = cache(2100);
  for (std::uint32_t id = 0; id < 1000; ++id) {
    prefill(*kv, sequence(id, 7, 100, 3));
  }
  EXPECT_EQ(kv->usage().live, 100_bytes);
  for (std::uint32_t id = 0; id < 1000; ++id) {
    kv->release(SequenceId{id});
  }
  EXPECT_EQ(kv->usage().reserved(), kv->usage().cached_prefix);
  kv->audit();
}

TEST(RadixKv, OnePageIsForPadding) {
  const auto kv = cache(100, 16);
  EXPECT_EQ(kv->capacity(), 96_tokens);
  EXPECT_EQ(kv->pool(), 112_bytes);
  EXPECT_EQ(kv->usage().withheld, 16_bytes);
}

}  // namespace
}  // namespace tessera
