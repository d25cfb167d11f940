#include "sim/engine/span_report.hpp"

namespace tessera {

SpanReport::SpanReport(EngineId engine, const Parts& parts, Bytes bytes_per_token)
    : parts_(parts),
      last_blocks_(parts.all, parts.pool.block_size().entries()),
      bytes_per_token_(bytes_per_token) {
  span_.engine = engine;
  span_.idle = &parts.idle;
  span_.block = parts.pool.block();
  taken_.resize(static_cast<std::size_t>(parts.pool.block_size().entries()));
  span_.taken = taken_;
}

void SpanReport::begin(SimTime now, const StepShape& shape, const QueueSizes& queues,
                       std::int64_t num_preempted) {
  const DecodeBatch& decodes = parts_.decodes;
  const CountedPool& pool = parts_.pool;
  const PrefillBatch::Sums prefills = parts_.prefills.sums();
  span_.first_iteration = decodes.iteration();
  span_.start = now;
  span_.shape = shape;
  span_.queues = queues;
  span_.num_preempted = num_preempted;
  span_.first_prompts = prefills.first_prompts;
  span_.live = bytes_per_token_ * (decodes.entries() + prefills.entries);
  span_.live_growth = bytes_per_token_ * decodes.size();
  span_.never = bytes_per_token_ * prefills.never;  // set_length() adds what decodes own
  span_.reserved = pool.reserved();
  span_.unguarded = pool.block() * pool.unguarded();
  span_.free_blocks = Blocks{pool.free()};
  for (std::size_t residue = 0; residue < taken_.size(); ++residue) {
    taken_[residue] = decodes.takes_at(residue);
  }
}

void SpanReport::set_price(const SpanPricer& pricer, const SpanPricer::Decodes& decodes,
                           const DurationSeries& durations) {
  span_.common = &decodes.time;
  span_.context_price = &pricer.context();
  span_.priced_context = span_.shape.decode_context.count();
  span_.workspace_used = decodes.workspace;
  span_.durations = durations;
}

void SpanReport::set_price(const SpanPricer& pricer, const SpanPricer::Mixed& step) {
  mixed_ = step;
  span_.common = &mixed_.time;
  span_.context_price = &pricer.context();
  span_.priced_context = 0;
  span_.workspace_used = step.workspace;
  span_.durations = DurationSeries(step.total, 0);
}

void SpanReport::set_length(std::int64_t steps, std::int64_t blocks_taken, SimTime end) {
  span_.num_steps = steps;
  span_.end = end;
  span_.num_taken = blocks_taken;
  later_.clear();
  std::int64_t never_later = 0;
  for (const LastBlocks::LastBlock& last : last_blocks_.take(span_.first_iteration, steps)) {
    if (last.step == 0) {
      never_ += last.never;
    } else {
      never_later += last.never;
      later_.push_back({last.step, bytes_per_token_ * last.never});
    }
  }
  span_.never += bytes_per_token_ * never_;
  span_.last_blocks = later_;
  never_ += never_later;
}

}  // namespace tessera
