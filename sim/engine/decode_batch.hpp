// The decoding sequences as a whole: each grows by an entry a step, so what they do in many steps
// is a sum.
//
// A sequence is kept as a key (its entries less the iteration), and the batch as the number and the
// sum of the keys. Who leaves at which iteration waits in a ring. Who takes a block at which
// iteration is counted by the iteration modulo the block size. Integrals over time are differences
// of clocks that move with every span: the sum of the instants at which steps begin gives what a
// sequence has written, and that of the steps of a residue what it has owned.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/engine/block_size.hpp"
#include "sim/engine/event_ring.hpp"
#include "sim/engine/kv_held.hpp"
#include "sim/engine/span_sequence.hpp"
#include "tessera/core/duration_series.hpp"
#include "tessera/core/time.hpp"
#include "tessera/cost/cost_model.hpp"

namespace tessera {

class DecodeBatch {
 public:
  // All sequences are among `all`.
  DecodeBatch(std::vector<SpanSequence>& all, const BlockSize& block_size);

  // At a boundary. Joining: it has computed all that it knows of, and owns the blocks for that;
  // where its last token is sampled already, it must leave at once. Leaving: its entries, blocks
  // and tokens are its own again, and what it has held is summed up.
  void join(std::uint32_t slot, Ticks now);
  void leave(std::uint32_t slot, Ticks now);
  // By those who have left.
  [[nodiscard]] const KvHeld& held() const { return held_; }
  // There are so many sequences now.
  void reserve(std::size_t sequences) { ends_.reserve(sequences); }

  [[nodiscard]] std::int64_t size() const { return size_; }
  // Before the step of this iteration.
  [[nodiscard]] std::int64_t iteration() const { return iteration_; }
  [[nodiscard]] std::int64_t entries() const { return keys_ + size_ * iteration_; }
  // Of that step, if it does nothing else.
  [[nodiscard]] StepShape shape() const {
    StepShape shape = nothing_;  // copied in less time than so many zeros are written
    shape.decode_sequences = size_;
    shape.sampled_sequences = size_;
    shape.decode_context = Tokens{entries() + size_};
    return shape;
  }
  // Blocks that it takes, and whether one of them is for this sequence.
  [[nodiscard]] std::int64_t next_blocks() const { return residues_[residue_].takes; }
  [[nodiscard]] bool takes_next(const SpanSequence& sequence) const {
    return sequence.residue == residue_;
  }
  // Sequences that take a block at the iterations of a residue.
  [[nodiscard]] std::int64_t takes_at(std::size_t residue) const {
    return residues_[residue].takes;
  }

  // To the next iteration at which somebody leaves. Precondition: size() > 0.
  [[nodiscard]] std::int64_t steps_to_next_end() const { return ends_.distance(iteration_); }
  // How many of so many steps there are spare blocks for, of which the first has taken its own.
  [[nodiscard]] std::int64_t steps_with_blocks(std::int64_t steps, std::int64_t spare) const {
    // Each sequence takes at most a block in so many steps as a block has entries.
    const bool all_fit =
        size_ * (steps - 1) <= spare || size_ * (steps / block_size_.entries() + 1) <= spare;
    return all_fit ? steps : count_steps_with_blocks(steps, spare);
  }
  // What advance() has got through.
  struct Span {
    std::int64_t steps = 1;
    std::int64_t blocks = 0;  // that all but the first of them take
    std::int64_t picoseconds = 0;
  };
  // In picoseconds: no step takes longer than the one, and no span goes on once it has taken the
  // other, so that 64 bits hold its sums.
  static constexpr std::int64_t longest_step = DurationSeries::longest_term;
  static constexpr std::int64_t longest_span = std::int64_t{1} << 46;
  // Gets through steps, which from `now` on take `durations`: those that begin before `room`
  // picoseconds have passed, `most` at most. Preconditions: 0 < most <= DurationSeries::few,
  // 0 < room <= longest_span.
  Span advance(std::int64_t most, const DurationSeries& durations, Ticks now, std::int64_t room) {
    settle_in_time(now);
    const bool many = most > few_steps && durations.first() * few_steps < room;
    return many ? advance_far(most, durations, now, room)
                : take_in_turn(most, durations, now, room);
  }
  // Gets through one.
  void step(Ticks now) {
    settle_in_time(now);
    residues_[residue_].pass(now);
    clock_ += now;
    ++iteration_;
    residue_ = residue_ + 1 == num_residues_ ? 0 : residue_ + 1;
  }
  // Appends who leaves now, in no particular order.
  void take_ends(std::vector<std::uint32_t>& leaving) {
    if (ends_.holds(iteration_)) {
      find_ends(leaving);
    }
  }

 private:
  // The iterations that are equal modulo the block size. Aligned, so that a shift finds its place.
  struct alignas(32) Residue {
    std::int64_t takes = 0;  // sequences that take a block at them
    Ticks clock = 0;         // Σ of their times
    Ticks last = 0;          // the latest of them
    void pass(Ticks time) {
      clock += time;
      last = time;
    }
  };

  // Makes sure that 64 bits hold the sums over the time of a sequence: all sequences are settled
  // while the steps since then, times the time since then, are few enough.
  void settle_in_time(Ticks now) {
    if (iteration_ - settled_iteration_ > most_unsettled_steps ||
        now - settled_at_ > static_cast<Ticks>(longest_span)) [[unlikely]] {
      settle_all(now);
    }
  }
  static constexpr std::int64_t most_unsettled_steps = std::int64_t{1} << 13;
  static_assert(Int128{most_unsettled_steps + DurationSeries::few} *
                        (2 * longest_span + longest_step) <
                    Int128{1} << 64,
                "with one more span, too");

  // Step after step, as advance() says.
  Span take_in_turn(std::int64_t most, const DurationSeries& durations, Ticks now,
                    std::int64_t room) {
    Residue* const first = residues_.data();
    Residue* const end = first + num_residues_;
    Residue* residue = first + residue_;
    std::int64_t taken = -residue->takes;
    std::int64_t duration = durations.first();
    std::int64_t left = most;
    Ticks time = now;
    Ticks clock = clock_;
    while (true) {
      taken += residue->takes;
      residue->pass(time);
      clock += time;
      if (++residue == end) {
        residue = first;
      }
      time += static_cast<Ticks>(duration);
      room -= duration;
      if (room <= 0) {
        --left;
        break;
      }
      if (--left == 0) {
        break;
      }
      duration += durations.growth();
    }
    clock_ = clock;
    residue_ = static_cast<std::size_t>(residue - first);
    iteration_ += most - left;
    return {most - left, taken, static_cast<std::int64_t>(time - now)};
  }
  // As many take the time of the closed forms.
  static constexpr std::int64_t few_steps = 48;
  Span advance_far(std::int64_t most, const DurationSeries& durations, Ticks now,
                   std::int64_t room);
  // Returns the blocks that all but the first of so many steps take.
  std::int64_t take_at_once(std::int64_t steps, const DurationSeries& durations, Ticks now);
  [[nodiscard]] std::int64_t count_steps_with_blocks(std::int64_t steps, std::int64_t spare) const;
  void settle_all(Ticks now);
  void settle(SpanSequence& sequence, Ticks now);
  template <class Area>
  void sum_up(SpanSequence& sequence, std::int64_t blocks_before, Ticks now);
  void sum_up_wide(SpanSequence& sequence, std::int64_t blocks_before, Ticks now);
  void find_ends(std::vector<std::uint32_t>& leaving);
  void count_take(std::uint32_t residue);
  void forget_take(std::uint32_t residue);

  std::vector<SpanSequence>& all_;
  BlockSize block_size_;
  EventRing ends_;

  std::int64_t size_ = 0;
  std::vector<std::uint64_t> occupied_;  // a bit a residue: whether somebody takes at it
  std::int64_t keys_ = 0;                // Σ

  // At the start of `iteration_`, as the clocks are.
  std::int64_t iteration_ = 0;
  std::size_t num_residues_;
  std::size_t residue_ = 0;  // of it
  std::int64_t settled_iteration_ = 0;
  Ticks settled_at_ = 0;
  Ticks clock_ = 0;  // Σ of the times of all iterations
  std::vector<Residue> residues_;
  StepShape nothing_;
  KvHeld held_;  // up to when each was settled
};

inline void DecodeBatch::join(std::uint32_t slot, Ticks now) {
  SpanSequence& sequence = all_[slot];
  sequence.state = SpanSequence::State::decoding;
  sequence.key = sequence.entries - iteration_;
  sequence.residue = static_cast<std::uint32_t>(block_size_.modulo(-sequence.key));
  sequence.since = now;
  sequence.since_iteration = iteration_;
  sequence.clock = clock_;
  sequence.take_clock = residues_[sequence.residue].clock;
  ++size_;
  keys_ += sequence.key;
  count_take(sequence.residue);
  sequence.end = sequence.final_entries - sequence.key;
  if (sequence.end > iteration_) {
    ends_.insert(slot, sequence.end, iteration_);
  }
}

inline void DecodeBatch::leave(std::uint32_t slot, Ticks now) {
  SpanSequence& sequence = all_[slot];
  if (sequence.end > iteration_) {
    ends_.remove(slot);
  }
  settle(sequence, now);
  sequence.state = SpanSequence::State::waiting;
  sequence.generated = sequence.entries + 1 - sequence.prompt();
  sequence.most_entries = std::max(sequence.most_entries, sequence.entries);
  sequence.most_blocks = std::max(sequence.most_blocks, sequence.blocks);
  --size_;
  keys_ -= sequence.key;
  forget_take(sequence.residue);
}

// Sums up what it has held since it was last settled or has joined.
inline void DecodeBatch::settle(SpanSequence& sequence, Ticks now) {
  const auto time = now - sequence.since;
  const std::int64_t blocks_before = sequence.blocks;
  sequence.entries = sequence.key + iteration_;
  sequence.blocks = block_size_.blocks_of(sequence.entries);
  const std::int64_t room = sequence.blocks * block_size_.entries();
  Ticks all_of_it = 0;
  if (__builtin_mul_overflow(static_cast<Ticks>(room), time, &all_of_it)) [[unlikely]] {
    sum_up_wide(sequence, blocks_before, now);
  } else {
    sum_up<Ticks>(sequence, blocks_before, now);
  }
  if (const std::int64_t never = sequence.never_used(room); never > 0) {
    const Residue& residue = residues_[sequence.residue];
    const Ticks begin = sequence.blocks > blocks_before ? residue.last : sequence.since;
    held_.never += Int128{static_cast<std::uint64_t>(never)} * (now - begin);
  }
  sequence.since = now;
  sequence.since_iteration = iteration_;
  sequence.clock = clock_;
  sequence.take_clock = residues_[sequence.residue].clock;
}

// Its entries and blocks are those of now. An entry is held from the end of its step on, a block
// from the start of the step that takes it.
template <class Area>
void DecodeBatch::sum_up(SpanSequence& sequence, std::int64_t blocks_before, Ticks now) {
  const auto time = static_cast<Area>(now - sequence.since);
  const auto steps = static_cast<Ticks>(iteration_ - sequence.since_iteration);
  const auto taken = static_cast<Ticks>(sequence.blocks - blocks_before);
  const Ticks until_written = clock_ - sequence.clock - steps * sequence.since;
  const Ticks after_taken = taken * now - (residues_[sequence.residue].clock - sequence.take_clock);
  const Area entries = static_cast<Area>(sequence.entries - 1) * time - until_written;
  const Area blocks = static_cast<Area>(blocks_before) * time + after_taken;
  held_.entries += entries;
  held_.blocks += blocks;
  sequence.wasted += blocks * static_cast<Area>(block_size_.entries()) - entries;
}

inline void DecodeBatch::count_take(std::uint32_t residue) {
  if (residues_[residue].takes++ == 0) {
    occupied_[residue / 64] |= std::uint64_t{1} << (residue % 64);
  }
}

inline void DecodeBatch::forget_take(std::uint32_t residue) {
  if (--residues_[residue].takes == 0) {
    occupied_[residue / 64] &= ~(std::uint64_t{1} << (residue % 64));
  }
}

inline void DecodeBatch::find_ends(std::vector<std::uint32_t>& leaving) {
  ends_.take(iteration_, [&](std::uint32_t slot) {
    if (all_[slot].end > iteration_) {
      ends_.insert(slot, all_[slot].end, iteration_);
    } else {
      leaving.push_back(slot);
    }
  });
}

}  // namespace tessera
