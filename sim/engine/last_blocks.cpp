#include "sim/engine/last_blocks.hpp"

#include <algorithm>

namespace tessera {

void LastBlocks::join(std::uint32_t slot, std::int64_t iteration) {
  const SpanSequence& sequence = all_[slot];
  if (slot >= iterations_.size()) {
    iterations_.resize(all_.size());
    ring_.reserve(all_.size());
  }
  // Where its last block is yet to come and will not be used to its end.
  const std::int64_t before_last = (sequence.final_entries - 1) / block_size_ * block_size_;
  const bool fills_it = sequence.final_entries - before_last == block_size_;
  if (!fills_it && before_last >= sequence.entries) {
    iterations_[slot] = before_last - sequence.key;
    ring_.insert(slot, *iterations_[slot], iteration);
  }
}

void LastBlocks::leave(std::uint32_t slot) {
  if (iterations_[slot]) {
    ring_.remove(slot);
    iterations_[slot].reset();
  }
}

std::span<const LastBlocks::LastBlock> LastBlocks::take(std::int64_t iteration,
                                                        std::int64_t steps) {
  taken_.clear();
  std::int64_t at = iteration;
  while (!ring_.empty()) {
    at += ring_.distance(at);
    if (at >= iteration + steps) {
      break;
    }
    ring_.take(at, [&](std::uint32_t slot) {
      if (iterations_[slot] > at) {
        ring_.insert(slot, *iterations_[slot], at);
        return;
      }
      iterations_[slot].reset();
      const std::int64_t over = all_[slot].final_entries % block_size_;
      taken_.push_back({at - iteration, block_size_ - over});
    });
  }
  return taken_;
}

}  // namespace tessera
