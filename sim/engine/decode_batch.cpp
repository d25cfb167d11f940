#include "sim/engine/decode_batch.hpp"

#include <algorithm>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

// Some steps, each of them `stride` steps behind the one before it, of those that from `now` on
// take `durations`: Σ of the instants at which they begin. From the first of all on, that is a
// closed form; from another one on, each of them begins later by what is linear in how far the step
// is from the first, and by the growth of the durations up to the other one.
class StartsApart {
 public:
  StartsApart(const DurationSeries& durations, Ticks now, std::int64_t stride, std::int64_t times)
      : times_(times),
        from_first_(static_cast<Ticks>(times) * now + durations.low_sum_of_sums(0, stride, times)),
        growth_(static_cast<Ticks>(durations.growth() * times)),
        later_(static_cast<Ticks>(durations.first() * times +
                                  durations.growth() * stride * DurationSeries::pairs(times))) {}

  [[nodiscard]] std::int64_t times() const { return times_; }
  [[nodiscard]] Ticks sum_from(std::int64_t step) const {
    return from_first_ + later_ * static_cast<Ticks>(step) +
           growth_ * static_cast<Ticks>(DurationSeries::pairs(step));
  }

 private:
  std::int64_t times_;
  Ticks from_first_;
  Ticks growth_;
  Ticks later_;
};

}  // namespace

DecodeBatch::DecodeBatch(std::vector<SpanSequence>& all, const BlockSize& block_size)
    : all_(all),
      block_size_(block_size),
      occupied_(static_cast<std::size_t>(block_size.entries() + 63) / 64, 0),
      num_residues_(static_cast<std::size_t>(block_size.entries())),
      residues_(num_residues_) {}

void DecodeBatch::settle_all(Ticks now) {
  for (SpanSequence& sequence : all_) {
    if (sequence.state == SpanSequence::State::decoding) {
      settle(sequence, now);
    }
  }
  settled_at_ = now;
  settled_iteration_ = iteration_;
}

void DecodeBatch::sum_up_wide(SpanSequence& sequence, std::int64_t blocks_before, Ticks now) {
  sum_up<Int128>(sequence, blocks_before, now);
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
  // The first residues have one step more than the others.
  const std::int64_t least = block_size_.blocks_of(steps + 1) - 1;
  const std::int64_t num_more = steps - least * stride;
  const StartsApart more(durations, now, stride, least + 1);
  const StartsApart fewer(durations, now, stride, least);
  std::int64_t taken = -residues_[residue_].takes;
  for (std::size_t word = 0; word < occupied_.size(); ++word) {
    for (std::uint64_t left = occupied_[word]; left != 0; left &= left - 1) {
      const auto place = word * 64 + static_cast<std::size_t>(__builtin_ctzll(left));
      Residue& residue = residues_[place];
      std::int64_t first = static_cast<std::int64_t>(place) - static_cast<std::int64_t>(residue_);
      first += first < 0 ? stride : 0;
      const StartsApart& starts = first < num_more ? more : fewer;
      if (starts.times() > 0) {
        const std::int64_t last = first + (starts.times() - 1) * stride;
        residue.clock += starts.sum_from(first);
        residue.last = now + static_cast<Ticks>(durations.sum_of_few(last));
        taken += residue.takes * starts.times();
      }
    }
  }
  clock_ += StartsApart(durations, now, 1, steps).sum_from(0);
  iteration_ += steps;
  residue_ = static_cast<std::size_t>(block_size_.modulo(iteration_));
  return taken;
}

}  // namespace tessera
