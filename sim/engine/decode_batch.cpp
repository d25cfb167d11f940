#include "sim/engine/decode_batch.hpp"

#include <algorithm>

#include "tessera/core/contract.hpp"

namespace tessera {

DecodeBatch::DecodeBatch(std::vector<SpanSequence>& all, std::int64_t block_size)
    : all_(all),
      block_size_(block_size),
      takes_(static_cast<std::size_t>(block_size), 0),
      occupied_(static_cast<std::size_t>(block_size + 63) / 64, 0),
      clocks_(static_cast<std::size_t>(block_size)) {}

void DecodeBatch::join(std::uint32_t slot, SimTime now) {
  SpanSequence& sequence = all_[slot];
  sequence.state = SpanSequence::State::decoding;
  sequence.key = sequence.entries - iteration_;
  const std::int64_t over = sequence.key % block_size_;
  sequence.residue = static_cast<std::uint32_t>(over > 0 ? block_size_ - over : -over);
  sequence.since = now;
  sequence.entry_clock = entry_clock_;
  sequence.take_clock = clocks_[sequence.residue].sum;
  ++size_;
  keys_ += sequence.key;
  count_take(sequence.residue);
  sequence.end = sequence.final_entries - sequence.key;
  if (sequence.end > iteration_) {
    ends_.insert(slot, sequence.end, iteration_);
  }
}

Int128 DecodeBatch::leave(std::uint32_t slot, SimTime now, KvHeld& held) {
  SpanSequence& sequence = all_[slot];
  if (sequence.end > iteration_) {
    ends_.remove(slot);
  }
  const std::int64_t blocks_before = sequence.blocks;
  sequence.entries = sequence.key + iteration_;
  sequence.generated = sequence.entries + 1 - sequence.prompt();
  sequence.blocks = (sequence.entries + block_size_ - 1) / block_size_;
  sequence.most_entries = std::max(sequence.most_entries, sequence.entries);
  sequence.most_blocks = std::max(sequence.most_blocks, sequence.blocks);
  const Clock& clock = clocks_[sequence.residue];
  const std::int64_t taken = sequence.blocks - blocks_before;
  // 64 bits hold the time that it has decoded for.
  const auto time = static_cast<std::int64_t>((now - sequence.since).picoseconds());
  const Int128 entries = Int128{sequence.key} * time + (entry_clock_ - sequence.entry_clock);
  Int128 blocks = Int128{blocks_before} * time;
  if (taken > 0) {
    blocks += taken * now.since_start().picoseconds() - (clock.sum - sequence.take_clock);
  }
  if (const std::int64_t never = sequence.never_used(sequence.blocks * block_size_); never > 0) {
    const SimTime since = taken > 0 ? clock.last : sequence.since;
    held.never += Int128{never} * static_cast<std::int64_t>((now - since).picoseconds());
  }
  held.entries += entries;
  held.blocks += blocks;
  --size_;
  keys_ -= sequence.key;
  forget_take(sequence.residue);
  return blocks * block_size_ - entries;
}

void DecodeBatch::count_take(std::uint32_t residue) {
  if (takes_[residue]++ == 0) {
    occupied_[residue / 64] |= std::uint64_t{1} << (residue % 64);
  }
}

void DecodeBatch::forget_take(std::uint32_t residue) {
  if (--takes_[residue] == 0) {
    occupied_[residue / 64] &= ~(std::uint64_t{1} << (residue % 64));
  }
}

DecodeBatch::Taken DecodeBatch::take(std::int64_t steps, std::int64_t spare,
                                     const DurationSeries& durations, SimTime now) {
  // A residue costs as much as three steps. Each sequence takes at most a block in so many steps as
  // a block has entries.
  const bool many = steps > 3 * std::min(size_, block_size_);
  return many && size_ * (steps / block_size_ + 1) <= spare
             ? take_at_once(steps, durations, now)
             : take_in_turn(steps, spare, durations, now);
}

// Step after step, as long as there are blocks.
DecodeBatch::Taken DecodeBatch::take_in_turn(std::int64_t steps, std::int64_t spare,
                                             const DurationSeries& durations, SimTime now) {
  const std::int64_t* const takes = takes_.data();
  Clock* const clocks = clocks_.data();
  const std::int64_t growth = durations.growth();
  std::int64_t duration = durations.first();
  const auto end = static_cast<std::size_t>(block_size_);
  std::size_t residue = residue_;
  std::int64_t taken = 0;
  for (std::int64_t step = 1; step < steps; ++step) {
    now += Duration::picoseconds(duration);
    duration += growth;
    residue = residue + 1 == end ? 0 : residue + 1;
    const std::int64_t blocks = takes[residue];
    if (blocks > 0) {
      if (taken + blocks > spare) {
        return {.steps = step, .blocks = taken};
      }
      taken += blocks;
      clocks[residue].take(now);
    }
  }
  return {.steps = steps, .blocks = taken};
}

// The same for many steps with blocks enough: residue after residue, of those that somebody takes
// at.
DecodeBatch::Taken DecodeBatch::take_at_once(std::int64_t steps, const DurationSeries& durations,
                                             SimTime now) {
  std::int64_t taken = 0;
  for (std::size_t word = 0; word < occupied_.size(); ++word) {
    for (std::uint64_t left = occupied_[word]; left != 0; left &= left - 1) {
      const auto residue = word * 64 + static_cast<std::size_t>(__builtin_ctzll(left));
      Clock& clock = clocks_[residue];
      std::int64_t offset = static_cast<std::int64_t>(residue) - residue_;
      offset += offset <= 0 ? block_size_ : 0;  // the first step has taken its blocks already
      if (offset >= steps) {
        continue;
      }
      if (offset + block_size_ >= steps) {
        clock.take(now + Duration::picoseconds(durations.sum_of_few(offset)));
        taken += takes_[residue];
        continue;
      }
      const std::int64_t times = (steps - 1 - offset) / block_size_ + 1;
      const std::int64_t last = offset + (times - 1) * block_size_;
      clock.sum += times * now.since_start().picoseconds() +
                   durations.sum_of_sums(offset, block_size_, times);
      clock.last = now + Duration::picoseconds(durations.sum_of_few(last));
      taken += takes_[residue] * times;
    }
  }
  return {.steps = steps, .blocks = taken};
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
