// The running sequences that prefill. They are few, so each of them is looked at in every step:
// its chunk is decided, it owns the blocks for that, and at the end of the step it has written it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "sim/engine/kv_held.hpp"
#include "sim/engine/span_sequence.hpp"
#include "tessera/core/time.hpp"
#include "tessera/cost/cost_model.hpp"

namespace tessera {

class PrefillBatch {
 public:
  // All sequences are among `all`.
  PrefillBatch(std::vector<SpanSequence>& all, std::int64_t block_size)
      : all_(all), block_size_(block_size) {}

  [[nodiscard]] bool empty() const { return slots_.empty(); }
  // In order of admission.
  [[nodiscard]] const std::vector<std::uint32_t>& slots() const { return slots_; }

  // It is admitted: its chunk is decided, and it owns the blocks for that.
  void join(std::uint32_t slot, Ticks now) {
    SpanSequence& sequence = all_[slot];
    sequence.state = SpanSequence::State::prefilling;
    sequence.is_new = true;
    sequence.target = sequence.known();
    sequence.since = now;
    slots_.push_back(slot);
  }
  // It gets so many more blocks.
  void grow(SpanSequence& sequence, std::int64_t blocks, Ticks now) {
    settle(sequence, now);
    sequence.blocks += blocks;
  }
  // Who was admitted last is preempted.
  void leave_last(Ticks now) {
    SpanSequence& sequence = all_[slots_.back()];
    settle(sequence, now);
    sequence.state = SpanSequence::State::waiting;
    slots_.pop_back();
  }
  // The chunks are written. Those who have computed all that they know of leave; `on_end` is called
  // with each.
  template <class OnEnd>
  void end_step(Ticks now, OnEnd on_end) {
    std::size_t kept = 0;
    for (const std::uint32_t slot : slots_) {
      SpanSequence& sequence = all_[slot];
      settle(sequence, now);
      write_chunk(sequence);
      if (sequence.entries < sequence.target) {
        slots_[kept++] = slot;
      } else {
        on_end(slot, sequence);
      }
    }
    slots_.erase(slots_.begin() + static_cast<std::ptrdiff_t>(kept), slots_.end());
  }

  // A step of this shape, with the chunks beside it.
  [[nodiscard]] StepShape beside(StepShape shape) const {
    for (const std::uint32_t slot : slots_) {
      const SpanSequence& sequence = all_[slot];
      const std::int64_t n = sequence.chunk;
      const std::int64_t past = sequence.entries;
      const bool samples = past + n == sequence.target;
      shape.sampled_sequences += samples ? 1 : 0;
      // The last known token alone, of a sequence that has sampled before, is a decode to vLLM.
      if (!sequence.is_new && sequence.generated > 0 && samples && n == 1) {
        ++shape.decode_sequences;
        shape.decode_context += Tokens{past + n};
      } else {
        ++shape.prefill_sequences;
        shape.prefill_tokens += Tokens{n};
        shape.prefill_context += Tokens{past + n};
        shape.prefill_pairs += n * past + n * (n + 1) / 2;
        shape.prefill_squares += n * n;
      }
    }
    return shape;
  }

  // Of all, before their chunks are written: entries; entries of room that will never be used; and
  // prompt tokens of those who will sample for the first time.
  struct Sums {
    std::int64_t entries = 0;
    std::int64_t never = 0;
    std::int64_t first_prompts = 0;
  };
  [[nodiscard]] Sums sums() const;

  // By those who prefill no more, and computed by them although it had been computed before.
  [[nodiscard]] const KvHeld& held() const { return held_; }
  [[nodiscard]] std::int64_t recomputed_tokens() const { return recomputed_tokens_; }

 private:
  // What it has held since it was last looked at.
  void settle(SpanSequence& sequence, Ticks now) {
    const auto time = static_cast<std::int64_t>(now - sequence.since);
    const std::int64_t room = sequence.blocks * block_size_;
    held_.entries += Int128{time} * sequence.entries;
    held_.blocks += Int128{time} * sequence.blocks;
    if (const std::int64_t never = sequence.never_used(room); never > 0) {
      held_.never += Int128{time} * never;
    }
    sequence.wasted += Int128{time} * (room - sequence.entries);
    sequence.most_blocks = std::max(sequence.most_blocks, sequence.blocks);
    sequence.since = now;
  }
  void write_chunk(SpanSequence& sequence) {
    const std::int64_t entries = sequence.entries + sequence.chunk;
    if (sequence.most_entries > sequence.entries) {
      recomputed_tokens_ += std::min(entries, sequence.most_entries) - sequence.entries;
    }
    sequence.entries = entries;
    sequence.most_entries = std::max(sequence.most_entries, entries);
  }

  std::vector<SpanSequence>& all_;
  std::int64_t block_size_;
  std::vector<std::uint32_t> slots_;
  KvHeld held_;
  std::int64_t recomputed_tokens_ = 0;
};

inline PrefillBatch::Sums PrefillBatch::sums() const {
  Sums sums;
  for (const std::uint32_t slot : slots_) {
    const SpanSequence& sequence = all_[slot];
    const bool samples = sequence.entries + sequence.chunk == sequence.target;
    sums.entries += sequence.entries;
    sums.never += sequence.never_used(sequence.blocks * block_size_);
    sums.first_prompts += samples && sequence.generated == 0 ? sequence.prompt() : 0;
  }
  return sums;
}

}  // namespace tessera
