#include "sim/engine/span_report.hpp"

namespace tessera {

SpanReport::SpanReport(EngineId engine, const DeviceLedger& idle, const PagedPool& pool,
                       Bytes bytes_per_token, const DecodeBatch& decodes,
                       const std::vector<SpanSequence>& all, std::int64_t block_size)
    : decodes_(decodes),
      last_blocks_(all, block_size),
      usable_(pool.usable),
      bytes_per_token_(bytes_per_token) {
  span_.engine = engine;
  span_.idle = &idle;
  span_.block = pool.block;
  taken_.resize(static_cast<std::size_t>(block_size));
  span_.taken = taken_;
}

void SpanReport::begin(SimTime now, const StepShape& shape, const Holdings& holdings) {
  span_.first_iteration = decodes_.iteration();
  span_.start = now;
  span_.shape = shape;
  span_.live = bytes_per_token_ * holdings.entries;
  span_.live_growth = bytes_per_token_ * decodes_.size();
  span_.reserved = span_.block * (usable_.count() - holdings.free);
  span_.unguarded = span_.block * holdings.unguarded;
  span_.free_blocks = Blocks{holdings.free};
  for (std::size_t residue = 0; residue < taken_.size(); ++residue) {
    taken_[residue] = decodes_.takes_at(residue);
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
  span_.common = &step.time;
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
  span_.never = bytes_per_token_ * never_;
  span_.last_blocks = later_;
  never_ += never_later;
}

}  // namespace tessera
