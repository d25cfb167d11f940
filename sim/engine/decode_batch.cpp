#include "sim/engine/decode_batch.hpp"

#include <algorithm>

#include "tessera/core/contract.hpp"

namespace tessera {

DecodeBatch::DecodeBatch(std::vector<SpanSequence>& all, std::int64_t block_size)
    : all_(all),
      block_size_(block_size),
      takes_(static_cast<std::size_t>(block_size), 0),
      occupied_(static_cast<std::size_t>(block_size + 63) / 64, 0),
      take_clocks_(static_cast<std::size_t>(block_size), 0) {}

void DecodeBatch::join(std::uint32_t slot, SimTime now) {
  SpanSequence& sequence = all_[slot];
  sequence.state = SpanSequence::State::decoding;
  sequence.key = sequence.entries - iteration_;
  const std::int64_t over = sequence.key % block_size_;
  sequence.residue = static_cast<std::uint32_t>(over > 0 ? block_size_ - over : -over);
  sequence.since = now;
  sequence.entry_clock = entry_clock_;
  sequence.take_clock = take_clocks_[sequence.residue];
  ++size_;
  keys_ += sequence.key;
  count_take(sequence.residue);
  const std::int64_t final_entries = sequence.final_entries();
  sequence.end = final_entries - sequence.key;
  if (sequence.end > iteration_) {
    ends_.insert(slot, sequence.end, iteration_);
  }
  // Where its last block is yet to come and will not be used to its end.
  const std::int64_t before_last = (final_entries - 1) / block_size_ * block_size_;
  const bool fills_it = final_entries - before_last == block_size_;
  sequence.awaits_last_block = !fills_it && before_last >= sequence.entries;
  if (sequence.awaits_last_block) {
    sequence.last_block = before_last - sequence.key;
    last_blocks_.insert(slot, sequence.last_block, iteration_);
    first_last_block_ =
        std::min({first_last_block_, sequence.last_block, iteration_ + EventRing::size - 1});
  }
}

void DecodeBatch::leave(std::uint32_t slot, SimTime now) {
  SpanSequence& sequence = all_[slot];
  if (sequence.end > iteration_) {
    ends_.remove(slot);
  }
  if (sequence.awaits_last_block) {
    last_blocks_.remove(slot);
  }
  const std::int64_t blocks_before = sequence.blocks;
  sequence.entries = entries_of(sequence);
  sequence.generated = sequence.entries + 1 - sequence.prompt();
  sequence.blocks = (sequence.entries + block_size_ - 1) / block_size_;
  sequence.most_entries = std::max(sequence.most_entries, sequence.entries);
  sequence.most_blocks = std::max(sequence.most_blocks, sequence.blocks);
  const Int128 time = (now - sequence.since).picoseconds();
  const Int128 written = sequence.key * time + (entry_clock_ - sequence.entry_clock);
  const Int128 blocks = blocks_before * time +
                        (sequence.blocks - blocks_before) * now.since_start().picoseconds() -
                        (take_clocks_[sequence.residue] - sequence.take_clock);
  sequence.wasted += blocks * block_size_ - written;
  --size_;
  keys_ -= sequence.key;
  forget_take(sequence.residue);
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

std::int64_t DecodeBatch::take_last_block(std::uint32_t slot, std::int64_t iteration) {
  SpanSequence& sequence = all_[slot];
  if (sequence.last_block > iteration) {
    last_blocks_.insert(slot, sequence.last_block, iteration);
    return 0;
  }
  sequence.awaits_last_block = false;
  const std::int64_t over = sequence.final_entries() % block_size_;
  return block_size_ - over;
}

std::int64_t DecodeBatch::take_last_blocks_now() {
  std::int64_t never = 0;
  last_blocks_.take(iteration_,
                    [&](std::uint32_t slot) { never += take_last_block(slot, iteration_); });
  return never;
}

// Step after step, as long as there are blocks.
DecodeBatch::Taken DecodeBatch::take_in_turn(std::int64_t steps, std::int64_t spare,
                                             const DurationSeries& durations, SimTime now) {
  Taken taken;
  taken.steps = steps;
  const std::span<const std::int64_t> takes = takes_;
  Int128* const clocks = take_clocks_.data();
  const std::int64_t growth = durations.growth();
  std::int64_t duration = durations.first();
  const Int128 start = now.since_start().picoseconds();
  std::int64_t elapsed = 0;
  std::size_t residue = residue_;
  if (takes[residue] > 0) {
    clocks[residue] += start;
  }
  for (std::int64_t step = 1; step < steps; ++step) {
    elapsed += duration;
    duration += growth;
    residue = residue + 1 == takes.size() ? 0 : residue + 1;
    const std::int64_t blocks = takes[residue];
    if (blocks == 0) {
      continue;
    }
    if (taken.blocks + blocks > spare) {
      taken.steps = step;
      return taken;
    }
    taken.blocks += blocks;
    taken.moment += Int128{blocks} * elapsed;
    clocks[residue] += start + elapsed;
  }
  return taken;
}

// The same for many steps with blocks enough: residue after residue, of those that somebody takes
// at.
DecodeBatch::Taken DecodeBatch::take_at_once(std::int64_t steps, const DurationSeries& durations,
                                             SimTime now) {
  Taken taken;
  taken.steps = steps;
  const Int128 start = now.since_start().picoseconds();
  for (std::size_t word = 0; word < occupied_.size(); ++word) {
    for (std::uint64_t left = occupied_[word]; left != 0; left &= left - 1) {
      const auto residue = word * 64 + static_cast<std::size_t>(__builtin_ctzll(left));
      std::int64_t offset = static_cast<std::int64_t>(residue) - residue_;
      offset += offset < 0 ? block_size_ : 0;
      if (offset >= steps) {
        continue;
      }
      const std::int64_t times = (steps - 1 - offset) / block_size_ + 1;
      const Int128 elapsed = durations.sum_of_sums(offset, block_size_, times);
      take_clocks_[residue] += times * start + elapsed;
      // The first step has taken its blocks already.
      taken.blocks += takes_[residue] * (times - (offset == 0 ? 1 : 0));
      taken.moment += takes_[residue] * elapsed;
    }
  }
  return taken;
}

void DecodeBatch::find_last_blocks(std::int64_t steps) {
  std::int64_t at = iteration_;
  while (!last_blocks_.empty()) {
    at += last_blocks_.distance(at);
    if (at >= iteration_ + steps) {
      first_last_block_ = at;
      return;
    }
    last_blocks_.take(at, [&](std::uint32_t slot) {
      if (const std::int64_t never = take_last_block(slot, at); never > 0) {
        last_taken_.push_back({at - iteration_, never});
      }
    });
  }
}

void DecodeBatch::take_ends(std::vector<std::uint32_t>& leaving) {
  ends_.take(iteration_, [&](std::uint32_t slot) {
    if (all_[slot].end > iteration_) {
      ends_.insert(slot, all_[slot].end, iteration_);
    } else {
      leaving.push_back(slot);
    }
  });
}

}  // namespace tessera
