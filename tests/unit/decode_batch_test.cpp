// The decoding sequences as a whole against each of them by itself, step after step.
#include "sim/engine/decode_batch.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace tessera {
namespace {

// What one sequence holds, and the integrals of that over time.
struct Plain {
  std::int64_t entries = 0;
  std::int64_t final_entries = 0;
  std::int64_t blocks = 0;
  Int128 held_entries = 0;
  Int128 held_blocks = 0;
  Int128 never = 0;
  Int128 wasted = 0;

  // It decodes a token from `start` on for so long. Returns the blocks that it takes for that.
  std::int64_t step(std::int64_t picoseconds, std::int64_t block_size) {
    const std::int64_t taken = entries + 1 > blocks * block_size ? 1 : 0;
    blocks += taken;
    const std::int64_t room = blocks * block_size;
    const Int128 time = picoseconds;
    held_entries += time * entries;
    held_blocks += time * blocks;
    never += time * std::max(room - final_entries, std::int64_t{0});
    wasted += time * (room - entries);
    ++entries;
    return taken;
  }
};

class Batches {
 public:
  Batches(std::int64_t block_size, std::size_t sequences, std::int64_t longest,
          std::int64_t longest_prompt, std::uint64_t seed)
      : block_size_(block_size),
        longest_(longest),
        longest_prompt_(longest_prompt),
        random_(seed),
        all_(sequences),
        plain_(sequences),
        batch_(all_, BlockSize(block_size)) {
    batch_.reserve(sequences);
  }

  // Returns how many of so many spans were long ones.
  int run(int spans) {
    for (int span = 0; span < spans; ++span) {
      join_some();
      if (batch_.size() > 0) {
        advance();
      }
    }
    while (batch_.size() > 0) {
      leave(running_.back());
    }
    expect_sums();
    return num_long_;
  }

 private:
  std::int64_t draw(std::int64_t least, std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(least, most)(random_);
  }

  void join_some() {
    for (std::uint32_t slot = 0; slot < all_.size(); ++slot) {
      const bool runs = std::find(running_.begin(), running_.end(), slot) != running_.end();
      if (runs || draw(0, 3) != 0) {
        continue;
      }
      SpanSequence& sequence = all_[slot];
      sequence.entries = draw(1, longest_prompt_);
      sequence.blocks = BlockSize(block_size_).blocks_of(sequence.entries);
      sequence.final_entries = sequence.entries + draw(1, draw(0, 1) == 0 ? 40 : 1'500);
      sequence.wasted = 0;
      plain_[slot].entries = sequence.entries;
      plain_[slot].blocks = sequence.blocks;
      plain_[slot].final_entries = sequence.final_entries;
      plain_[slot].wasted = 0;
      batch_.join(slot, now_);
      running_.push_back(slot);
    }
  }

  void advance() {
    const DurationSeries durations(draw(1, longest_), draw(0, longest_ / 5'000));
    const std::int64_t most = batch_.steps_to_next_end();
    const std::int64_t room = draw(1, std::min(DecodeBatch::longest_span, 300 * longest_));
    const DecodeBatch::Span span = batch_.advance(most, durations, now_, room);
    DecodeBatch::Span plain{.steps = 0, .blocks = 0, .picoseconds = 0};
    while (plain.steps < most && plain.picoseconds < room) {
      const std::int64_t duration = durations.term(plain.steps);
      for (const std::uint32_t slot : running_) {
        const std::int64_t taken = plain_[slot].step(duration, block_size_);
        plain.blocks += plain.steps > 0 ? taken : 0;
      }
      ++plain.steps;
      plain.picoseconds += duration;
    }
    ASSERT_EQ(span.steps, plain.steps);
    ASSERT_EQ(span.blocks, plain.blocks);
    ASSERT_EQ(span.picoseconds, plain.picoseconds);
    num_long_ += span.steps > 100 ? 1 : 0;
    now_ += static_cast<Ticks>(span.picoseconds);
    std::vector<std::uint32_t> leaving;
    batch_.take_ends(leaving);
    for (const std::uint32_t slot : leaving) {
      ASSERT_EQ(plain_[slot].entries, plain_[slot].final_entries);
      leave(slot);
    }
    // Now and then somebody is preempted.
    if (batch_.size() > 0 && draw(0, 399) == 0) {
      leave(running_.front());
    }
  }

  void leave(std::uint32_t slot) {
    running_.erase(std::find(running_.begin(), running_.end(), slot));
    batch_.leave(slot, now_);
    ASSERT_EQ(all_[slot].entries, plain_[slot].entries);
    ASSERT_EQ(all_[slot].blocks, plain_[slot].blocks);
    ASSERT_TRUE(all_[slot].wasted == plain_[slot].wasted);
  }

  void expect_sums() {
    KvHeld sums;
    for (const Plain& plain : plain_) {
      sums.entries += plain.held_entries;
      sums.blocks += plain.held_blocks;
      sums.never += plain.never;
    }
    EXPECT_TRUE(batch_.held().entries == sums.entries);
    EXPECT_TRUE(batch_.held().blocks == sums.blocks);
    EXPECT_TRUE(batch_.held().never == sums.never);
  }

  std::int64_t block_size_;
  std::int64_t longest_;  // a step, in picoseconds
  std::int64_t longest_prompt_;
  std::mt19937_64 random_;
  std::vector<SpanSequence> all_;
  std::vector<Plain> plain_;
  DecodeBatch batch_;
  std::vector<std::uint32_t> running_;
  Ticks now_ = ~Ticks{0} - 1'000;  // it wraps
  int num_long_ = 0;
};

TEST(DecodeBatch, IsItsSequencesStepByStep) {
  std::uint64_t seed = 0;
  int num_long = 0;
  for (const std::int64_t block_size : {1, 5, 16, 100, 256}) {
    for (const std::size_t sequences : {1U, 3U, 40U}) {
      num_long += Batches(block_size, sequences, 10'000'000'000, 300, ++seed).run(600);
    }
  }
  EXPECT_GT(num_long, 200);
}

// The sums of instants would need more than 64 bits if nobody were settled before.
TEST(DecodeBatch, SettlesStepsThatTakeMinutes) {
  for (std::uint64_t seed = 100; seed < 110; ++seed) {
    Batches(16, 3, std::int64_t{1} << 49, 300, seed).run(3'000);
  }
}

// And so do entries times picoseconds.
TEST(DecodeBatch, HoldsAMillionEntriesForMinutes) {
  for (std::uint64_t seed = 200; seed < 210; ++seed) {
    Batches(16, 3, std::int64_t{1} << 49, 2'000'000, seed).run(1'000);
  }
}

}  // namespace
}  // namespace tessera
