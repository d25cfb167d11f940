#include "sim/engine/span_pricer.hpp"

#include <algorithm>

#include "sim/engine/engine.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

StepTime times(const StepTime& time, Int128 n) {
  const auto scaled = [n](Duration part) { return Duration::picoseconds(part.picoseconds() * n); };
  return {scaled(time.compute), scaled(time.memory), scaled(time.overhead), scaled(time.link)};
}

}  // namespace

SpanPricer::SpanPricer(const Scenario& scenario, const MemoryPlan& plan)
    : workspace_(plan.workspace),
      cost_(make_cost_model(scenario)),
      context_(cost_->per_context_token().value()),
      context_total_(picoseconds_of(context_)),
      workspace_of_steps_(scenario.model, scenario.precision, Shard{}, step_workspace(scenario)),
      profile_tokens_(profile_tokens(scenario)),
      profile_sequences_(profile_sequences(scenario)) {}

void SpanPricer::work_out(Decodes& decodes, std::int64_t sequences) {
  StepShape shape;
  shape.decode_sequences = shape.sampled_sequences = sequences;
  decodes.time = cost_->step(shape);
  decodes.total = picoseconds_of(decodes.time);
  decodes.growth = context_total_ * shape.decode_sequences;
  decodes.workspace = workspace_of(shape);
  decodes.is_known = true;
}

// What decodes took beyond their number was for their context.
SpanPricer::Counted SpanPricer::counted() const {
  Counted sum{.time = mixed_, .workspace = workspace_of_mixed_, .running = running_in_mixed_};
  Int128 for_context = 0;
  for (std::size_t sequences = 0; sequences < decodes_.size(); ++sequences) {
    const Decodes& decodes = decodes_[sequences];
    sum.time += times(decodes.time, decodes.steps);
    sum.workspace += decodes.duration * decodes.workspace.count();
    sum.running += decodes.duration * static_cast<std::int64_t>(sequences);
    for_context += decodes.duration - Int128{decodes.total} * decodes.steps;
  }
  if (context_total_ > 0) {
    TESSERA_INVARIANT(for_context % context_total_ == 0, "context has a price by the token");
    sum.time += times(context_, for_context / context_total_);
  }
  return sum;
}

}  // namespace tessera
