#include "sim/engine/span_pricer.hpp"

#include <algorithm>

#include "sim/engine/engine.hpp"

namespace tessera {
namespace {

std::int64_t picoseconds_of(const StepTime& time) {
  return static_cast<std::int64_t>(time.total().picoseconds());
}

}  // namespace

SpanPricer::SpanPricer(const Scenario& scenario, const MemoryPlan& plan)
    : workspace_(plan.workspace),
      cost_(make_cost_model(scenario)),
      context_price_(cost_->per_context_token().value()),
      context_price_total_(picoseconds_of(context_price_)),
      workspace_of_steps_(scenario.model, scenario.precision, Shard{}, step_workspace(scenario)),
      profile_tokens_(profile_tokens(scenario)),
      profile_sequences_(profile_sequences(scenario)) {}

Duration SpanPricer::price_mixed(SpanRecord& span) {
  const StepShape& shape = span.shape;
  mixed_time_ = cost_->step(shape);
  const std::int64_t whole = picoseconds_of(mixed_time_);
  span.common = &mixed_time_;
  span.priced_context = 0;
  span.workspace_used = workspace_of(shape);
  span.durations = DurationSeries(whole, 0);
  if (shape.prefill_sequences == 0) {
    return Duration{};
  }
  if (shape.decode_sequences == 0) {
    return Duration::picoseconds(whole);
  }
  const std::int64_t decodes = decode_cost(shape.decode_sequences).total +
                               context_price_total_ * shape.decode_context.count();
  return Duration::picoseconds(std::max(whole - decodes, std::int64_t{0}));
}

const SpanPricer::DecodeCost& SpanPricer::work_out_decode_cost(std::size_t sequences) {
  if (sequences >= decode_costs_.size()) {
    decode_costs_.resize(std::max(sequences + 1, 2 * decode_costs_.size()));
  }
  StepShape shape;
  shape.decode_sequences = shape.sampled_sequences = static_cast<std::int64_t>(sequences);
  DecodeCost& cost = decode_costs_[sequences];
  cost.time = cost_->step(shape);
  cost.total = picoseconds_of(cost.time);
  cost.workspace = workspace_of(shape);
  cost.is_known = true;
  return cost;
}

Bytes SpanPricer::workspace_of(const StepShape& shape) const {
  const Tokens tokens = std::min(shape.tokens(), profile_tokens_);
  const std::int64_t sequences = std::min(shape.sampled_sequences, profile_sequences_);
  return std::min(workspace_of_steps_.bytes(tokens, sequences), workspace_);
}

}  // namespace tessera
