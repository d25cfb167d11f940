// The time of attention as integer prices of what it is linear in.
#pragma once

#include "sim/cost/kernel_time.hpp"
#include "sim/cost/step_parts.hpp"

namespace tessera {

class AttentionTime {
 public:
  AttentionTime(const AttentionWork& work, const GpuRoofs& roofs);

  // Of the prefills and chunks of a step. The two roofs meet as
  //   max(compute + k·memory, memory + k·compute),  k = 2^(1/q) - 1,
  // which is their q-norm where one is nothing or both are equal, and linear on either side.
  [[nodiscard]] StepTime prefill(const StepShape& shape) const {
    StepParts<Int128> parts;
    add_prefill(shape, parts);
    return parts.time();
  }
  // Of the decodes: linear in the context, rows that are scanned in vain among it.
  [[nodiscard]] StepTime decode(const StepShape& shape) const {
    StepParts<Int128> parts;
    add_decode(shape, parts);
    return parts.time();
  }
  // Both, added to a step's: all products and sums are in `Integer`.
  template <class Integer>
  void add(const StepShape& shape, StepParts<Integer>& step) const {
    add_prefill(shape, step);
    add_decode(shape, step);
  }
  // The pairs that are computed, in vain among them.
  [[nodiscard]] std::int64_t pairs(const StepShape& shape) const {
    return shape.prefill_pairs + shape.prefill_tokens.count() * masked_pairs_;
  }
  // Of all that is priced.
  [[nodiscard]] Duration highest_price() const;
  // What a token of the decodes' context adds to that.
  [[nodiscard]] StepTime per_context_token() const;

 private:
  // A price in picoseconds, and its share k that is left when the other roof is the greater.
  struct Price {
    std::int64_t full = 0;
    std::int64_t beside = 0;
  };
  static Price price(double seconds, double share);

  template <class Integer>
  void add_prefill(const StepShape& shape, StepParts<Integer>& step) const {
    if (shape.prefill_tokens <= Tokens{0}) {
      return;
    }
    const Integer tokens = shape.prefill_tokens.count();
    const Integer context = shape.prefill_context.count();
    const Integer computed = pairs(shape);
    const Integer compute =
        pair_.full * computed + context_token_.beside * context + new_token_.beside * tokens;
    const Integer memory =
        context_token_.full * context + new_token_.full * tokens + pair_.beside * computed;
    step.overhead += static_cast<Integer>(prefill_launch_.picoseconds());
    if (compute > memory) {
      step.compute += compute;
    } else {
      step.memory += memory;
    }
  }
  template <class Integer>
  void add_decode(const StepShape& shape, StepParts<Integer>& step) const {
    const Integer read = (shape.decode_context + shape.work.cells_scanned).count();
    const Integer sequences = shape.decode_sequences;
    (decode_bound_ == Bound::compute ? step.compute : step.memory) +=
        decode_context_token_ * read + decode_sequence_ * sequences;
    if (sequences > 0) {
      step.overhead +=
          static_cast<Integer>(decode_launch_.picoseconds()) + decode_sequence_launch_ * sequences;
    }
  }

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
