#include "sim/engine/decode_batch.hpp"

#include <algorithm>

#include "tessera/core/contract.hpp"

namespace tessera {
DecodeBatch::DecodeBatch(std::vector<SpanSequence>& all, const BlockSize& block_size)
    : all_(all),
      block_size_(block_size),
      occupied_(static_cast<std::size_t>(block_size.entries() + 63) / 64, 0),
      num_residues_(static_cast<std::size_t>(block_size.entries())),
      residues_(num_residues_) {}

void DecodeBatch::join(std::uint32_t slot, Ticks now) {
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

void DecodeBatch::leave(std::uint32_t slot, Ticks now) {
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

void DecodeBatch::settle_all(Ticks now) {
  for (SpanSequence& sequence : all_) {
    if (sequence.state == SpanSequence::State::decoding) {
      settle(sequence, now);
    }
  }
  settled_at_ = now;
  settled_iteration_ = iteration_;
}

// Sums up what it has held since it was last settled or has joined.
void DecodeBatch::settle(SpanSequence& sequence, Ticks now) {
  const Residue& residue = residues_[sequence.residue];
  const Ticks since = sequence.since;
  const auto time = static_cast<std::int64_t>(now - since);
  const auto steps = static_cast<Ticks>(iteration_ - sequence.since_iteration);
  const std::int64_t blocks_before = sequence.blocks;
  sequence.entries = sequence.key + iteration_;
  sequence.blocks = block_size_.blocks_of(sequence.entries);
  const std::int64_t taken = sequence.blocks - blocks_before;
  // An entry is held from the end of its step on, a block from the start of the step that takes it.
  const Ticks until_written = clock_ - sequence.clock - steps * since;
  const Ticks after_taken = static_cast<Ticks>(taken) * now - (residue.clock - sequence.take_clock);
  const Int128 entries = Int128{sequence.entries - 1} * time - until_written;
  const Int128 blocks = Int128{blocks_before} * time + after_taken;
  const std::int64_t room_before = blocks_before * block_size_.entries();
  const Int128 room = Int128{room_before} * time +
                      Int128{after_taken} * static_cast<std::uint64_t>(block_size_.entries());
  held_.entries += entries;
  held_.blocks += blocks;
  sequence.wasted += room - entries;
  if (const std::int64_t never = sequence.never_used(sequence.blocks * block_size_.entries());
      never > 0) {
    const Ticks begin = taken > 0 ? residue.last : since;
    held_.never += Int128{static_cast<std::uint64_t>(never)} * (now - begin);
  }
  sequence.since = now;
  sequence.since_iteration = iteration_;
  sequence.clock = clock_;
  sequence.take_clock = residue.clock;
}

void DecodeBatch::count_take(std::uint32_t residue) {
  if (residues_[residue].takes++ == 0) {
    occupied_[residue / 64] |= std::uint64_t{1} << (residue % 64);
  }
}

void DecodeBatch::forget_take(std::uint32_t residue) {
  if (--residues_[residue].takes == 0) {
    occupied_[residue / 64] &= ~(std::uint64_t{1} << (residue % 64));
  }
}

std::int64_t DecodeBatch::count_steps_with_blocks(std::int64_t steps, std::int64_t spare) const {
  std::size_t residue = residue_;
  for (std::int64_t step = 1; step < steps; ++step) {
    residue = residue + 1 == num_residues_ ? 0 : residue + 1;
    spare -= residues_[residue].takes;
    if (spare < 0) {
      return step;
    }
  }
  return steps;
}

DecodeBatch::Span DecodeBatch::advance_far(std::int64_t most, const DurationSeries& durations,
                                           Ticks now, std::int64_t room) {
  std::int64_t picoseconds = durations.sum_of_few(most);
  if (picoseconds > room) {
    most = durations.terms_to_last(Duration::picoseconds(room), most);
    picoseconds = durations.sum_of_few(most);
  }
  const std::int64_t blocks = take_at_once(most, durations, now);
  return {most, blocks, picoseconds};
}

// The same as in turn, residue after residue, of those that somebody takes at. The clocks of others
// may stand still.
std::int64_t DecodeBatch::take_at_once(std::int64_t steps, const DurationSeries& durations,
                                       Ticks now) {
  const std::int64_t stride = block_size_.entries();
  std::int64_t taken = -residues_[residue_].takes;
  for (std::size_t word = 0; word < occupied_.size(); ++word) {
    for (std::uint64_t left = occupied_[word]; left != 0; left &= left - 1) {
      const auto place = word * 64 + static_cast<std::size_t>(__builtin_ctzll(left));
      Residue& residue = residues_[place];
      std::int64_t first = static_cast<std::int64_t>(place) - static_cast<std::int64_t>(residue_);
      first += first < 0 ? stride : 0;
      if (first >= steps) {
        continue;
      }
      if (first + stride >= steps) {
        residue.pass(now + static_cast<Ticks>(durations.sum_of_few(first)));
        taken += residue.takes;
        continue;
      }
      const std::int64_t times = (steps - 1 - first) / stride + 1;
      const std::int64_t last = first + (times - 1) * stride;
      residue.clock +=
          static_cast<Ticks>(times) * now + durations.low_sum_of_sums(first, stride, times);
      residue.last = now + static_cast<Ticks>(durations.sum_of_few(last));
      taken += residue.takes * times;
    }
  }
  clock_ += static_cast<Ticks>(steps) * now + durations.low_sum_of_sums(0, 1, steps);
  iteration_ += steps;
  residue_ = static_cast<std::size_t>(block_size_.modulo(iteration_));
  return taken;
}

void DecodeBatch::find_ends(std::vector<std::uint32_t>& leaving) {
  ends_.take(iteration_, [&](std::uint32_t slot) {
    if (all_[slot].end > iteration_) {
      ends_.insert(slot, all_[slot].end, iteration_);
    } else {
      leaving.push_back(slot);
    }
  });
}

}  // namespace tessera
