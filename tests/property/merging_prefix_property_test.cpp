// vLLM v0's prefix caching against a list of blocks that is searched: random programs of
// admissions, decodes and releases, with contents that are often shared. The recorded traces hold
// the rules to the real engine; this holds the ledger and the counts to them.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <vector>

#include "tessera/core/random.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {
namespace {

constexpr std::int64_t block_size = 4;
constexpr std::int64_t num_blocks = 40;

std::unique_ptr<KvCache> small_cache() {
  PagedKvSpec spec;
  spec.block_size = Tokens{block_size};
  spec.num_blocks = Blocks{num_blocks};
  spec.prefix_caching = true;
  KvPool pool;
  pool.bytes_per_token = Bytes{2};
  pool.max_model_len = Tokens{1'000};
  pool.freed_blocks = FreedBlocks::merged_by_content;
  pool.watermark_always = true;
  return make_kv_cache(spec, pool);
}

KvSequence sequence_of(std::uint32_t id, std::int64_t prompt, std::int64_t conversation) {
  KvSequence sequence;
  sequence.id = SequenceId{id};
  sequence.prompt = Tokens{prompt};
  sequence.output = Tokens{60};
  sequence.content.conversation = conversation;
  return sequence;
}

// One step: a sequence comes in with its whole prompt, which is then computed.
Tokens prefill(KvCache& kv, const KvSequence& sequence) {
  KvWork work;
  const Tokens cached = kv.cached_prefix(sequence, sequence.prompt);
  const Admission admission{.entries = sequence.prompt, .cached = cached, .known = sequence.prompt};
  EXPECT_EQ(kv.admit(sequence, admission, work), Grant::ok);
  kv.publish(sequence.id, sequence.prompt);
  kv.settle(work);
  kv.write(sequence.id, sequence.prompt - cached);
  return cached;
}

TEST(MergingPrefixKv, EqualContentIsOneBlockAndTheLastIsNeverHit) {
  const auto kv = small_cache();
  EXPECT_EQ(prefill(*kv, sequence_of(0, 12, 7)), Tokens{0});
  EXPECT_EQ(kv->free_blocks(), Blocks{num_blocks - 3});
  // All three blocks are shared, two of them are hits.
  EXPECT_EQ(prefill(*kv, sequence_of(1, 12, 7)), Tokens{8});
  EXPECT_EQ(kv->free_blocks(), Blocks{num_blocks - 3});
  EXPECT_EQ(kv->usage().live, Bytes{2 * 12});
  EXPECT_EQ(kv->usage().duplicate, Bytes{0});
}

TEST(MergingPrefixKv, WhatAStepFillsIsSharedInItButNoHit) {
  const auto kv = small_cache();
  const KvSequence first = sequence_of(0, 12, 7);
  const KvSequence second = sequence_of(1, 12, 7);
  KvWork work;
  const Admission admission{.entries = Tokens{12}, .known = Tokens{12}};
  ASSERT_EQ(kv->admit(first, admission, work), Grant::ok);
  EXPECT_EQ(kv->cached_prefix(second, Tokens{12}), Tokens{0});
  ASSERT_EQ(kv->admit(second, admission, work), Grant::ok);
  EXPECT_EQ(kv->free_blocks(), Blocks{num_blocks - 3});
  kv->settle(work);
  EXPECT_EQ(kv->cached_prefix(sequence_of(2, 12, 7), Tokens{12}), Tokens{8});
}

TEST(MergingPrefixKv, ADecodeThatFillsAKnownBlockGivesItsOwnBack) {
  const auto kv = small_cache();
  prefill(*kv, sequence_of(0, 8, 7));
  prefill(*kv, sequence_of(1, 7, 7));
  EXPECT_EQ(kv->free_blocks(), Blocks{num_blocks - 3});  // of 1 the second, which is not full
  KvWork work;
  ASSERT_EQ(kv->extend(SequenceId{1}, Tokens{8}, work), Grant::ok);
  kv->publish(SequenceId{1}, Tokens{8});
  EXPECT_EQ(kv->free_blocks(), Blocks{num_blocks - 2});
  kv->settle(work);
  kv->write(SequenceId{1}, Tokens{1});
  kv->audit();
}

TEST(MergingPrefixKv, WhatHasBeenGeneratedCanBeHit) {
  const auto kv = small_cache();
  prefill(*kv, sequence_of(0, 3, 7));
  for (std::int64_t entries = 4; entries <= 13; ++entries) {
    KvWork work;
    ASSERT_EQ(kv->extend(SequenceId{0}, Tokens{entries}, work), Grant::ok);
    kv->publish(SequenceId{0}, Tokens{entries});
    kv->settle(work);
    kv->write(SequenceId{0}, Tokens{1});
  }
  kv->release(SequenceId{0});
  EXPECT_EQ(kv->cached_prefix(sequence_of(1, 20, 7), Tokens{20}), Tokens{12});
}

TEST(MergingPrefixKv, TheLeastRecentlyUsedGoesFirstAndOfASequenceItsEnd) {
  const auto kv = small_cache();
  prefill(*kv, sequence_of(0, 16, 1));
  prefill(*kv, sequence_of(1, 16, 2));
  kv->release(SequenceId{0});
  kv->release(SequenceId{1});
  EXPECT_EQ(kv->usage().cached_prefix, Bytes{2 * 32});
  prefill(*kv, sequence_of(2, 4 * (num_blocks - 6), 3));  // two of what is kept must go
  EXPECT_EQ(kv->cached_prefix(sequence_of(3, 17, 1), Tokens{17}), Tokens{8});
  EXPECT_EQ(kv->cached_prefix(sequence_of(3, 17, 2), Tokens{17}), Tokens{16});
}

TEST(MergingPrefixKv, KeepsItsCountsInRandomPrograms) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    RandomStream dice(seed, "merging");
    const auto below = [&](std::int64_t n) {
      return static_cast<std::int64_t>(dice() % static_cast<std::uint64_t>(n));
    };
    const auto kv = small_cache();
    std::map<std::uint32_t, std::pair<KvSequence, std::int64_t>> running;  // and their entries
    for (std::uint32_t step = 0; step < 300; ++step) {
      KvWork work;
      const KvSequence next = sequence_of(step, 1 + below(30), below(4));
      const Admission all{.entries = next.prompt, .known = next.prompt};
      if (below(3) == 0 && kv->could_admit(next, all) == Grant::ok) {
        prefill(*kv, next);
        running[step] = {next, next.prompt.count()};
      } else if (!running.empty()) {
        auto at = running.begin();
        std::advance(at, below(static_cast<std::int64_t>(running.size())));
        const SequenceId id = at->second.first.id;
        const Tokens entries{at->second.second + 1};
        if (below(4) > 0 && kv->free_blocks() > Blocks{0} && entries < Tokens{80} &&
            kv->extend(id, entries, work) == Grant::ok) {
          kv->publish(id, entries);
          kv->settle(work);
          kv->write(id, Tokens{1});
          ++at->second.second;
        } else {
          kv->release(id);
          running.erase(at);
        }
      }
      kv->audit();
    }
  }
}

}  // namespace
}  // namespace tessera
