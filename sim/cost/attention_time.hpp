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
  [[nodiscard]] StepTime prefill(const StepShape& shape) const;
  // Of the decodes: linear in the context, rows that are scanned in vain among it.
  [[nodiscard]] StepTime decode(const StepShape& shape) const;
  // What a token of the decodes' context adds to that.
  [[nodiscard]] StepTime per_context_token() const;

 private:
  // A price, and its share k that is left when the other roof is the greater.
  struct Price {
    Duration full;
    Duration beside;
  };
  static Price price(double seconds, double share);

  Duration prefill_launch_;
  Price pair_;
  Price context_token_;
  Price new_token_;
  std::int64_t masked_pairs_;  // that a new token computes in vain, in the tile on the diagonal

  Duration decode_launch_;
  Duration decode_context_token_;
  Duration decode_sequence_;         // its query and its output
  Duration decode_sequence_launch_;  // its share of the kernel's intercept
  Bound decode_bound_;
};

}  // namespace tessera
