#include "sim/cost/attention_time.hpp"

#include <cmath>

namespace tessera {

AttentionTime::Price AttentionTime::price(double seconds, double share) {
  return {Duration::from_seconds(seconds), Duration::from_seconds(seconds * share)};
}

AttentionTime::AttentionTime(const AttentionWork& work, const GpuRoofs& gpu) {
  const Roofs& prefill = gpu.prefill_attention;
  const double share = std::exp2(1.0 / prefill.norm) - 1.0;
  prefill_launch_ = prefill.launch * work.kernels;
  pair_ = price(work.flops_per_pair / prefill.flops_per_second, share);
  context_token_ = price(work.bytes_per_context_token / prefill.bytes_per_second, share);
  // Queries and outputs stream; keys and values are gathered, and slower where few blocks run.
  const double streamed = work.bytes_per_new_token / gpu.copy.bytes_per_second;
  new_token_ = price(streamed, share);
  masked_pairs_ = prefill.token_tile.count() / 2;

  const Roofs& decode = gpu.decode_attention;
  const double compute = work.flops_per_pair / decode.flops_per_second;
  const double memory = work.bytes_per_context_token / decode.bytes_per_second;
  decode_launch_ = decode.launch * work.kernels;
  decode_context_token_ = Duration::from_seconds(combine(compute, memory, decode.norm));
  decode_sequence_ = Duration::from_seconds(streamed);
  decode_sequence_launch_ = decode.sequence * work.kernels;
  decode_bound_ = compute > memory ? Bound::compute : Bound::memory;
}

StepTime AttentionTime::prefill(const StepShape& shape) const {
  StepTime parts;
  if (shape.prefill_tokens == Tokens{0}) {
    return parts;
  }
  const std::int64_t tokens = shape.prefill_tokens.count();
  const std::int64_t context = shape.prefill_context.count();
  const std::int64_t pairs = shape.prefill_pairs + tokens * masked_pairs_;
  const Duration compute =
      pair_.full * pairs + context_token_.beside * context + new_token_.beside * tokens;
  const Duration memory =
      context_token_.full * context + new_token_.full * tokens + pair_.beside * pairs;
  parts.overhead = prefill_launch_;
  if (compute > memory) {
    parts.compute = compute;
  } else {
    parts.memory = memory;
  }
  return parts;
}

StepTime AttentionTime::decode(const StepShape& shape) const {
  StepTime parts;
  const Tokens read = shape.decode_context + shape.work.cells_scanned;
  const Duration time =
      decode_context_token_ * read.count() + decode_sequence_ * shape.decode_sequences;
  (decode_bound_ == Bound::compute ? parts.compute : parts.memory) = time;
  if (shape.decode_sequences > 0) {
    parts.overhead = decode_launch_ + decode_sequence_launch_ * shape.decode_sequences;
  }
  return parts;
}

StepTime AttentionTime::per_context_token() const {
  StepTime price;
  (decode_bound_ == Bound::compute ? price.compute : price.memory) = decode_context_token_;
  return price;
}

}  // namespace tessera
