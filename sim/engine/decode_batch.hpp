// The decoding sequences as a whole: each grows by an entry a step, so what they do in many steps
// is a sum.
//
// A sequence is kept as a key (its entries less the iteration), and the batch as the number and the
// sum of the keys. Who leaves at which iteration, and who then takes its last block, waits in a
// ring each. Who takes a block at which iteration is counted by the iteration modulo the block
// size. Integrals over time are differences of clocks that move with every span: Σ iteration ·
// duration gives what a sequence has written, and for each residue the sum of the instants at which
// blocks are taken gives what it has owned.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/engine/event_ring.hpp"
#include "sim/engine/span_sequence.hpp"
#include "tessera/core/duration_series.hpp"
#include "tessera/core/time.hpp"

namespace tessera {

class DecodeBatch {
 public:
  // What the steps of a span take, beside what its first step has taken already.
  struct Taken {
    std::int64_t steps = 1;  // as many as there were blocks for
    std::int64_t blocks = 0;
    Int128 moment = 0;  // Σ over them of the time from the start to when each is taken
  };
  // A sequence's last block, of which so much will never be used. Step 0 is the span's first.
  struct LastBlock {
    std::int64_t step = 0;
    std::int64_t never = 0;  // entries
  };

  // All sequences are among `all`.
  DecodeBatch(std::vector<SpanSequence>& all, std::int64_t block_size);

  // At a boundary. Joining: it has computed all that it knows of, and owns the blocks for that;
  // where its last token is sampled already, it must leave at once. Leaving: its entries, blocks
  // and tokens are its own again, and what it held is accounted for.
  void join(std::uint32_t slot, SimTime now);
  void leave(std::uint32_t slot, SimTime now);

  [[nodiscard]] std::int64_t size() const { return size_; }
  // Before the step of this iteration.
  [[nodiscard]] std::int64_t iteration() const { return iteration_; }
  [[nodiscard]] std::int64_t entries() const { return keys_ + size_ * iteration_; }
  [[nodiscard]] std::int64_t entries_of(const SpanSequence& sequence) const {
    return sequence.key + iteration_;
  }
  // Blocks that it takes, and whether one of them is for this sequence.
  [[nodiscard]] std::int64_t next_blocks() const { return takes_[residue_]; }
  [[nodiscard]] bool takes_next(const SpanSequence& sequence) const {
    return sequence.residue == residue_;
  }
  // It takes them. Returns the entries that will never be used of those that are last ones.
  [[nodiscard]] std::int64_t take_next_blocks() {
    return last_blocks_.holds(iteration_) ? take_last_blocks_now() : 0;
  }

  // To the next iteration at which somebody leaves. Precondition: size() > 0.
  [[nodiscard]] std::int64_t steps_to_next_end() const { return ends_.distance(iteration_); }
  // Runs as many of so many steps as there are spare blocks for; the first one has taken its own.
  // Preconditions: steps > 0, from `now` on they take `durations`.
  [[nodiscard]] Taken run(std::int64_t steps, std::int64_t spare, const DurationSeries& durations,
                          SimTime now) {
    if (steps == 1) {
      if (takes_[residue_] > 0) {
        take_clocks_[residue_] += now.since_start().picoseconds();
      }
      return {};
    }
    // Each takes at most a block in so many steps as a block has entries.
    const bool all_fit = size_ * (steps / block_size_ + 1) <= spare;
    const bool many = steps > 4 * std::min(size_, block_size_);
    return all_fit && many ? take_at_once(steps, durations, now)
                           : take_in_turn(steps, spare, durations, now);
  }
  // The last blocks that these steps take. Good until the next call.
  [[nodiscard]] std::span<const LastBlock> take_last_blocks(std::int64_t steps) {
    last_taken_.clear();
    if (first_last_block_ < iteration_ + steps && !last_blocks_.empty()) {
      find_last_blocks(steps);
    }
    return last_taken_;
  }
  // They are over, after so many picoseconds; appends who leaves now, in no particular order.
  void end(std::int64_t steps, Int128 step_moment, std::int64_t time,
           std::vector<std::uint32_t>& leaving) {
    entry_clock_ += Int128{iteration_} * time + step_moment;
    iteration_ += steps;
    const std::int64_t residue = residue_ + steps;
    residue_ = static_cast<std::uint32_t>(residue < block_size_ ? residue : residue % block_size_);
    if (ends_.holds(iteration_)) {
      take_ends(leaving);
    }
  }

  // Sequences that take a block, by iteration modulo the block size. Good as long as the batch.
  [[nodiscard]] std::span<const std::int64_t> takes() const { return takes_; }

 private:
  [[nodiscard]] Taken take_in_turn(std::int64_t steps, std::int64_t spare,
                                   const DurationSeries& durations, SimTime now);
  [[nodiscard]] Taken take_at_once(std::int64_t steps, const DurationSeries& durations,
                                   SimTime now);
  void take_ends(std::vector<std::uint32_t>& leaving);
  std::int64_t take_last_blocks_now();
  void find_last_blocks(std::int64_t steps);
  void count_take(std::uint32_t residue);
  void forget_take(std::uint32_t residue);
  // Entries of its last block that will never be used, if it takes that now.
  [[nodiscard]] std::int64_t take_last_block(std::uint32_t slot, std::int64_t iteration);

  std::vector<SpanSequence>& all_;
  std::int64_t block_size_;
  EventRing ends_;
  EventRing last_blocks_;
  std::int64_t first_last_block_ = 0;  // nobody is in a bucket before that of this iteration
  std::vector<LastBlock> last_taken_;  // of a span

  std::int64_t size_ = 0;
  std::int64_t keys_ = 0;                // Σ
  std::vector<std::int64_t> takes_;      // by iteration mod block size
  std::vector<std::uint64_t> occupied_;  // a bit a residue: whether somebody takes at it

  // Clocks, at the start of `iteration_`.
  std::int64_t iteration_ = 0;
  std::uint32_t residue_ = 0;        // of it
  Int128 entry_clock_ = 0;           // Σ iteration · its step's time
  std::vector<Int128> take_clocks_;  // Σ of the times of the iterations of a residue, while someone
                                     // takes blocks at them
};

}  // namespace tessera
