// The decoding sequences as a whole: each grows by an entry a step, so what they do in many steps
// is a sum.
//
// A sequence is kept as a key (its entries less the iteration), and the batch as the number and the
// sum of the keys. Who leaves at which iteration waits in a ring. Who takes a block at which
// iteration is counted by the iteration modulo the block size. Integrals over time are differences
// of clocks that move with every span: Σ iteration · duration gives what a sequence has written,
// and for each residue the sum of the instants at which blocks are taken gives what it has owned.
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

// ∫ over time of what sequences have held, in picoseconds.
struct KvHeld {
  Int128 entries = 0;
  Int128 blocks = 0;
  Int128 never = 0;  // entries of room that will never be used
};

class DecodeBatch {
 public:
  // As many of the steps that were asked for as there were blocks for, and what they take beside
  // what the first of them has taken already.
  struct Taken {
    std::int64_t steps = 1;
    std::int64_t blocks = 0;
  };

  // All sequences are among `all`.
  DecodeBatch(std::vector<SpanSequence>& all, std::int64_t block_size);

  // At a boundary. Joining: it has computed all that it knows of, and owns the blocks for that;
  // where its last token is sampled already, it must leave at once. Leaving: its entries, blocks
  // and tokens are its own again; what it has held is added to `held`, and returned are the entries
  // that it had room for and had not written, over time.
  void join(std::uint32_t slot, SimTime now);
  Int128 leave(std::uint32_t slot, SimTime now, KvHeld& held);
  // There are so many sequences now.
  void reserve(std::size_t sequences) { ends_.reserve(sequences); }

  [[nodiscard]] std::int64_t size() const { return size_; }
  // Before the step of this iteration.
  [[nodiscard]] std::int64_t iteration() const { return iteration_; }
  [[nodiscard]] std::int64_t entries() const { return keys_ + size_ * iteration_; }
  // Blocks that it takes, and whether one of them is for this sequence.
  [[nodiscard]] std::int64_t next_blocks() const { return takes_[residue_]; }
  [[nodiscard]] bool takes_next(const SpanSequence& sequence) const {
    return sequence.residue == residue_;
  }

  // To the next iteration at which somebody leaves. Precondition: size() > 0.
  [[nodiscard]] std::int64_t steps_to_next_end() const { return ends_.distance(iteration_); }
  // Gets through as many of so many steps as there are spare blocks for; the first one has taken
  // its own. Preconditions: steps > 0, from `now` on they take `durations`.
  Taken advance(std::int64_t steps, std::int64_t spare, const DurationSeries& durations,
                SimTime now) {
    if (steps == 1) {
      step(durations.first(), now);
      return {};
    }
    take_first(now);
    const Taken taken = take(steps, spare, durations, now);
    pass(taken.steps, durations.sum_of_few(taken.steps), durations.moment_of_few(taken.steps));
    return taken;
  }
  // Gets through one, which takes so many picoseconds.
  void step(std::int64_t duration, SimTime now) {
    take_first(now);
    pass(1, duration, 0);
  }
  // Appends who leaves now, in no particular order.
  void take_ends(std::vector<std::uint32_t>& leaving) {
    if (ends_.holds(iteration_)) {
      find_ends(leaving);
    }
  }

  // Sequences that take a block, by iteration modulo the block size. Good as long as the batch.
  [[nodiscard]] std::span<const std::int64_t> takes() const { return takes_; }

 private:
  // Of the iterations of a residue, while someone takes blocks at them.
  struct Clock {
    Int128 sum = 0;  // of their times
    SimTime last;    // the latest of them
    void take(SimTime time) {
      sum += time.since_start().picoseconds();
      last = time;
    }
  };

  void take_first(SimTime now) {
    if (takes_[residue_] > 0) {
      clocks_[residue_].take(now);
    }
  }
  [[nodiscard]] Taken take(std::int64_t steps, std::int64_t spare, const DurationSeries& durations,
                           SimTime now);
  [[nodiscard]] Taken take_in_turn(std::int64_t steps, std::int64_t spare,
                                   const DurationSeries& durations, SimTime now);
  [[nodiscard]] Taken take_at_once(std::int64_t steps, const DurationSeries& durations,
                                   SimTime now);
  // `moment` is the sum of n · the time of step n.
  void pass(std::int64_t steps, std::int64_t length, Int128 moment) {
    entry_clock_ += Int128{iteration_} * length + moment;
    iteration_ += steps;
    const std::int64_t residue = residue_ + steps;
    residue_ = static_cast<std::uint32_t>(residue < block_size_ ? residue : residue % block_size_);
  }
  void find_ends(std::vector<std::uint32_t>& leaving);
  void count_take(std::uint32_t residue);
  void forget_take(std::uint32_t residue);

  std::vector<SpanSequence>& all_;
  std::int64_t block_size_;
  EventRing ends_;

  std::int64_t size_ = 0;
  std::int64_t keys_ = 0;                // Σ
  std::vector<std::int64_t> takes_;      // by iteration mod block size
  std::vector<std::uint64_t> occupied_;  // a bit a residue: whether somebody takes at it

  // Clocks, at the start of `iteration_`.
  std::int64_t iteration_ = 0;
  std::uint32_t residue_ = 0;  // of it
  Int128 entry_clock_ = 0;     // Σ iteration · its step's time
  std::vector<Clock> clocks_;  // by residue
};

}  // namespace tessera
