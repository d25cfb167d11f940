// Random programs of requests with several samples against blocks that are counted one by one, each
// with the sequences that refer to it: what is shared, what is copied when the first of them writes
// to it, and what every cell of every block is.
#include <gtest/gtest.h>

#include <array>
#include <optional>
#include <random>
#include <vector>

#include "tessera/memory/kv_cache.hpp"

namespace tessera {
namespace {

using namespace literals;

constexpr std::int64_t block_size = 4;
constexpr std::int64_t num_blocks = 60;
constexpr Bytes token_bytes{3};

struct Block {
  std::int64_t references = 0;
  std::int64_t first_entry = 0;  // of its sequences
  std::int64_t written = 0;      // of its cells
};

// The blocks of vLLM v0, which count their references.
struct CountedBlocks {
  std::vector<Block> all = std::vector<Block>(num_blocks);
  [[nodiscard]] std::int64_t num_free() const {
    std::int64_t count = 0;
    for (const Block& block : all) {
      count += block.references == 0 ? 1 : 0;
    }
    return count;
  }
  std::optional<std::size_t> take(std::int64_t first_entry) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i].references == 0) {
        all[i] = {1, first_entry, 0};
        return i;
      }
    }
    return std::nullopt;
  }
};

struct Request {
  KvSequence sequence;
  std::vector<std::vector<std::size_t>> tables;  // a sample each
  std::int64_t entries = 0;
};

class Program {
 public:
  explicit Program(std::uint64_t seed) : random_(seed) {
    PagedKvSpec spec;
    spec.block_size = Tokens{block_size};
    spec.num_blocks = Blocks{num_blocks};
    kv_ = make_kv_cache(spec, {.bytes_per_token = token_bytes, .max_model_len = 100_tokens});
  }

  void run() {
    for (int step = 0; step < 300; ++step) {
      SCOPED_TRACE(testing::Message() << "step " << step);
      ASSERT_NO_FATAL_FAILURE(operate());
      ASSERT_NO_FATAL_FAILURE(check());
    }
  }

 private:
  std::int64_t upto(std::int64_t greatest) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(greatest + 1));
  }

  void operate() {
    const auto slot = static_cast<std::size_t>(upto(requests_.size() - 1));
    if (!requests_[slot]) {
      admit(slot);
    } else if (upto(9) == 0) {
      release(slot);
    } else {
      grow(*requests_[slot]);
    }
  }

  void admit(std::size_t slot) {
    Request request;
    request.sequence.id = SequenceId{static_cast<std::uint32_t>(slot)};
    request.sequence.prompt = Tokens{1 + upto(25)};
    request.sequence.output = Tokens{1 + upto(20)};
    request.sequence.num_sequences = 1 + upto(3);
    const std::int64_t prompt = request.sequence.prompt.count();
    CountedBlocks after = blocks_;
    std::vector<std::size_t> table;
    bool fits = true;
    for (std::int64_t at = 0; fits && at < prompt; at += block_size) {
      const auto taken = after.take(at);
      fits = taken.has_value();
      table.push_back(taken.value_or(0));
    }
    KvWork work;
    ASSERT_EQ(kv_->admit(request.sequence, {.entries = request.sequence.prompt}, work),
              fits ? Grant::ok : Grant::later);
    if (!fits) {
      return;
    }
    kv_->write(request.sequence.id, request.sequence.prompt);
    for (const std::size_t block : table) {
      after.all[block].references = request.sequence.num_sequences;
      after.all[block].written = std::min(block_size, prompt - after.all[block].first_entry);
    }
    blocks_ = after;
    request.entries = prompt;
    request.tables.assign(static_cast<std::size_t>(request.sequence.num_sequences), table);
    requests_[slot] = request;
  }

  // A token more of every sample, as a decode asks for it, written where each of them has a block
  // to itself.
  void grow(Request& request) {
    const std::int64_t target = request.entries + 1;
    CountedBlocks after = blocks_;
    Request grown = request;
    std::int64_t copies = 0;
    bool fits = true;
    for (std::vector<std::size_t>& table : grown.tables) {
      for (std::int64_t entry = request.entries; fits && entry < target; ++entry) {
        fits = append(table, entry, after, copies);
      }
    }
    KvWork work;
    const Grant answer = kv_->extend(request.sequence.id, Tokens{target}, work);
    ASSERT_EQ(answer == Grant::ok, fits);
    if (!fits) {
      return;
    }
    ASSERT_EQ(work.copied, token_bytes * (block_size * copies));
    kv_->write(request.sequence.id, Tokens{target - request.entries});
    grown.entries = target;
    request = grown;
    blocks_ = after;
  }

  static bool append(std::vector<std::size_t>& table, std::int64_t entry, CountedBlocks& blocks,
                     std::int64_t& copies) {
    if (entry % block_size == 0) {
      const auto fresh = blocks.take(entry);
      if (!fresh) {
        return false;
      }
      table.push_back(*fresh);
    } else if (blocks.all[table.back()].references > 1) {
      Block& shared = blocks.all[table.back()];
      const std::int64_t written = entry % block_size;
      const auto fresh = blocks.take(shared.first_entry);
      if (!fresh) {
        return false;
      }
      --shared.references;
      blocks.all[*fresh].written = written;
      table.back() = *fresh;
      ++copies;
    }
    Block& block = blocks.all[table.back()];
    block.written = std::max(block.written, entry % block_size + 1);
    return true;
  }

  void release(std::size_t slot) {
    for (const std::vector<std::size_t>& table : requests_[slot]->tables) {
      for (const std::size_t block : table) {
        --blocks_.all[block].references;
      }
    }
    kv_->release(requests_[slot]->sequence.id);
    requests_[slot].reset();
  }

  void check() {
    kv_->audit();
    const KvUsage usage = kv_->usage();
    std::vector<bool> seen(blocks_.all.size(), false);
    KvUsage expected;
    for (const std::optional<Request>& request : requests_) {
      if (!request) {
        continue;
      }
      for (const std::vector<std::size_t>& table : request->tables) {
        for (const std::size_t at : table) {
          if (!seen[at]) {
            seen[at] = true;
            count(blocks_.all[at], request->sequence.final_entries().count(), expected);
          }
        }
      }
    }
    ASSERT_EQ(kv_->free_blocks(), Blocks{blocks_.num_free()});
    ASSERT_EQ(usage.live, expected.live);
    ASSERT_EQ(usage.reserved_future, expected.reserved_future);
    ASSERT_EQ(usage.reserved_never, expected.reserved_never);
    ASSERT_EQ(usage.total(), kv_->pool());
  }

  static void count(const Block& block, std::int64_t end, KvUsage& usage) {
    for (std::int64_t cell = 0; cell < block_size; ++cell) {
      const bool is_written = cell < block.written;
      const bool will_be = block.first_entry + cell < end;
      (is_written ? usage.live
       : will_be  ? usage.reserved_future
                  : usage.reserved_never) += token_bytes;
    }
  }

  std::mt19937_64 random_;
  std::unique_ptr<KvCache> kv_;
  CountedBlocks blocks_;
  std::array<std::optional<Request>, 6> requests_;
};

TEST(ParallelSamplingProperty, CountsEveryReferenceToEveryBlock) {
  for (std::uint64_t seed = 0; seed < 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    ASSERT_NO_FATAL_FAILURE(Program(seed).run());
  }
}

// Without a cache nothing is ever held, whatever is asked for.
TEST(NoKvProperty, HoldsNothingAndRefusesNobody) {
  std::mt19937_64 random(1);
  const auto kv = make_kv_cache(
      NoKvSpec{}, {.bytes = 1_MiB, .bytes_per_token = token_bytes, .max_model_len = 100_tokens});
  KvUsage empty;
  empty.free_usable = empty.largest_free = 1_MiB;
  for (std::uint32_t step = 0; step < 500; ++step) {
    KvSequence sequence;
    sequence.id = SequenceId{step};
    sequence.prompt = Tokens{static_cast<std::int64_t>(1 + random() % 1'000'000)};
    sequence.output = Tokens{static_cast<std::int64_t>(1 + random() % 1'000'000)};
    KvWork work;
    ASSERT_TRUE(kv->can_ever_hold(sequence));
    ASSERT_EQ(kv->admit(sequence, {.entries = sequence.prompt}, work), Grant::ok);
    ASSERT_EQ(kv->extend(sequence.id, sequence.final_entries(), work), Grant::ok);
    kv->write(sequence.id, sequence.prompt);
    if (random() % 2 == 0) {
      kv->end_of_sequence(sequence.id);
      kv->release(sequence.id);
    }
    ASSERT_EQ(kv->usage(), empty);
    ASSERT_EQ(kv->usage(sequence.id).reserved, 0_bytes);
    ASSERT_EQ(work, KvWork{});
    kv->audit();
  }
}

}  // namespace
}  // namespace tessera
