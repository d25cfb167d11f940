// The time of attention as integer prices of what it is linear in.
#pragma once

#include "sim/cost/kernel_time.hpp"

namespace tessera {

class AttentionTime {
 public:
  AttentionTime(const AttentionWork& work, const GpuRoofs& roofs);

  // Of the prefills and chunks of a step. The two roofs meet as
  //   max(compute + k·memory, memory + k·compute),  k = 2^(1/q) - 1,
  // which is their q-norm where one is nothing or both are equal, and linear on either side.
  [[nodiscard]] StepTime prefill(const StepShape& shape) const {
    StepTime parts;
    if (shape.prefill_tokens > Tokens{0}) {
      add_prefill(shape, parts);
    }
    return parts;
  }
  // Of the decodes: linear in the context, rows that are scanned in vain among it.
  [[nodiscard]] StepTime decode(const StepShape& shape) const {
    StepTime parts;
    add_decode(shape, parts);
    return parts;
  }
  // The same, added to the time of a step. The first has prefills.
  void add_prefill(const StepShape& shape, StepTime& time) const {
    const std::int64_t tokens = shape.prefill_tokens.count();
    const std::int64_t context = shape.prefill_context.count();
    const std::int64_t pairs = shape.prefill_pairs + tokens * masked_pairs_;
    const Int128 compute = Int128{pair_.full} * pairs + Int128{context_token_.beside} * context +
                           Int128{new_token_.beside} * tokens;
    const Int128 memory = Int128{context_token_.full} * context + Int128{new_token_.full} * tokens +
                          Int128{pair_.beside} * pairs;
    time.overhead += prefill_launch_;
    if (compute > memory) {
      time.compute += Duration::picoseconds(compute);
    } else {
      time.memory += Duration::picoseconds(memory);
    }
  }
  void add_decode(const StepShape& shape, StepTime& time) const {
    const Tokens read = shape.decode_context + shape.work.cells_scanned;
    const Int128 picoseconds = Int128{decode_context_token_} * read.count() +
                               Int128{decode_sequence_} * shape.decode_sequences;
    (decode_bound_ == Bound::compute ? time.compute : time.memory) +=
        Duration::picoseconds(picoseconds);
    if (shape.decode_sequences > 0) {
      time.overhead += decode_launch_;
      time.overhead +=
          Duration::picoseconds(Int128{decode_sequence_launch_} * shape.decode_sequences);
    }
  }
  // What a token of the decodes' context adds to that.
  [[nodiscard]] StepTime per_context_token() const;

 private:
  // A price in picoseconds, and its share k that is left when the other roof is the greater.
  struct Price {
    std::int64_t full = 0;
    std::int64_t beside = 0;
  };
  static Price price(double seconds, double share);

  Duration prefill_launch_;
  Price pair_;
  Price context_token_;
  Price new_token_;
  std::int64_t masked_pairs_;  // that a new token computes in vain, in the tile on the diagonal

  Duration decode_launch_;
  std::int64_t decode_context_token_;    // picoseconds, as the next ones
  std::int64_t decode_sequence_;         // its query and its output
  std::int64_t decode_sequence_launch_;  // its share of the kernel's intercept
  Bound decode_bound_;
};

}  // namespace tessera
