// How long the steps of a span take, and the workspace that they use: worked out once for each
// number of sequences that only decode.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "tessera/engine/recorder.hpp"
#include "tessera/engine/scenario.hpp"
#include "tessera/memory/workspace.hpp"

namespace tessera {

class SpanPricer {
 public:
  // Precondition: why_not_in_spans() has no objection. The scenario outlives it.
  SpanPricer(const Scenario& scenario, const MemoryPlan& plan);

  // Fills in the times and the workspace of a span whose shape is known, and returns what its step
  // takes longer than if it had only its decodes to do. The record refers to what is kept here
  // until the next call. Steps in which everyone decodes a token get a series that grows.
  [[nodiscard]] Duration price(SpanRecord& span, std::int64_t decoding) {
    const StepShape& shape = span.shape;
    span.context_price = &context_price_;
    if (shape.prefill_sequences > 0 || shape.decode_sequences != decoding || decoding == 0) {
      return price_mixed(span);
    }
    const DecodeCost& cost = decode_cost(decoding);
    span.common = &cost.time;
    span.priced_context = shape.decode_context.count();
    span.workspace_used = cost.workspace;
    span.durations = DurationSeries(cost.total + context_price_total_ * span.priced_context,
                                    context_price_total_ * decoding);
    return Duration{};
  }

 private:
  // What so many decodes take before their context is counted.
  struct DecodeCost {
    StepTime time;
    std::int64_t total = 0;  // of it, in picoseconds
    Bytes workspace{0};
    bool is_known = false;
  };

  [[nodiscard]] const DecodeCost& decode_cost(std::int64_t sequences) {
    const auto index = static_cast<std::size_t>(sequences);
    return index < decode_costs_.size() && decode_costs_[index].is_known
               ? decode_costs_[index]
               : work_out_decode_cost(index);
  }
  const DecodeCost& work_out_decode_cost(std::size_t sequences);
  [[nodiscard]] Duration price_mixed(SpanRecord& span);
  [[nodiscard]] Bytes workspace_of(const StepShape& shape) const;

  Bytes workspace_;  // of the profile run
  std::unique_ptr<CostModel> cost_;
  StepTime context_price_;
  std::int64_t context_price_total_;  // picoseconds
  WorkspaceOfSteps workspace_of_steps_;
  Tokens profile_tokens_;
  std::int64_t profile_sequences_;
  std::vector<DecodeCost> decode_costs_;  // by sequences
  StepTime mixed_time_;                   // of a step that does not only decode
};

}  // namespace tessera
