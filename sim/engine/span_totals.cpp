#include "sim/engine/span_totals.hpp"

#include "tessera/core/contract.hpp"

namespace tessera {

SpanSums SpanTotals::sums(const DecodeBatch& decodes, const PrefillBatch& prefills,
                          const SpanPricer& pricer, const CountedPool& pool,
                          Bytes bytes_per_token) const {
  TESSERA_INVARIANT(least_free_ >= 0, "no more blocks are owned than there are");
  TESSERA_INVARIANT(pool.reserved() == Bytes{0}, "who has ended has given its blocks back");
  SpanSums sums = sums_;
  sums.iterations = decodes.iteration();
  sums.recomputed_tokens = prefills.recomputed_tokens();
  const SpanPricer::Counted counted = pricer.counted();
  sums.time = counted.time;
  sums.workspace = counted.workspace;
  sums.running = counted.running;
  const KvHeld held = decodes.held() + prefills.held();
  sums.live = held.entries * bytes_per_token.count();
  sums.reserved = held.blocks * pool.block().count();
  sums.never = held.never * bytes_per_token.count();
  sums.unguarded = unguarded_ * pool.block().count();
  sums.peak_reserved = pool.reserved_where(least_free_);
  return sums;
}

}  // namespace tessera
