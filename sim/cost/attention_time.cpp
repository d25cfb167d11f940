#include "sim/cost/attention_time.hpp"

#include <algorithm>
#include <cmath>

#include "tessera/core/contract.hpp"

namespace tessera {

namespace {

std::int64_t picoseconds(Duration price) {
  const auto narrow = static_cast<std::int64_t>(price.picoseconds());
  TESSERA_INVARIANT(narrow == price.picoseconds(), "a token costs no more than 64 bits hold");
  return narrow;
}

std::int64_t picoseconds(double seconds) {
  return picoseconds(Duration::from_seconds(seconds));
}

}  // namespace

AttentionTime::Price AttentionTime::price(double seconds, double share) {
  return {picoseconds(seconds), picoseconds(seconds * share)};
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
  decode_context_token_ = picoseconds(combine(compute, memory, decode.norm));
  decode_sequence_ = picoseconds(streamed);
  decode_sequence_launch_ = picoseconds(decode.sequence * work.kernels);
  decode_bound_ = compute > memory ? Bound::compute : Bound::memory;
}

Duration AttentionTime::highest_price() const {
  const std::int64_t highest = std::max(
      {pair_.full, pair_.beside, context_token_.full, context_token_.beside, new_token_.full,
       new_token_.beside, decode_context_token_, decode_sequence_, decode_sequence_launch_});
  return std::max({Duration::picoseconds(highest), prefill_launch_, decode_launch_});
}

StepTime AttentionTime::per_context_token() const {
  StepTime price;
  (decode_bound_ == Bound::compute ? price.compute : price.memory) =
      Duration::picoseconds(decode_context_token_);
  return price;
}

}  // namespace tessera
