// What the spans of an engine sum to: kept while they run, told once they have ended. Here is what
// is the engine's; what sequences hold is summed up when they give it back (kv_held.hpp), and time
// by the pricer.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/engine/counted_pool.hpp"
#include "sim/engine/decode_batch.hpp"
#include "sim/engine/prefill_batch.hpp"
#include "sim/engine/span_pricer.hpp"
#include "tessera/engine/recorder.hpp"

namespace tessera {

class SpanTotals {
 public:
  // The pool is empty.
  SpanTotals(EngineId engine, std::int64_t max_num_seqs, const CountedPool& pool)
      : max_num_seqs_(max_num_seqs), least_free_(pool.free()) {
    sums_.engine = engine;
  }

  // A span begins that lasts so long. Its first step has taken its blocks; the others will take so
  // many.
  void add(QueueSizes queues, const CountedPool& pool, std::int64_t later_blocks,
           std::int64_t picoseconds) {
    ++sums_.spans;
    if (queues.waiting == 0) {
      sums_.time_at[static_cast<std::size_t>(Limit::arrivals)] += picoseconds;
    } else {
      const Limit limit = limit_of(queues, max_num_seqs_);
      sums_.time_at[static_cast<std::size_t>(limit)] += picoseconds;
      sums_.waiting += Int128{picoseconds} * queues.waiting;
    }
    if (pool.free() < pool.watermark()) {
      unguarded_ += Int128{picoseconds} * pool.unguarded();
    }
    least_free_ = std::min(least_free_, pool.free() - later_blocks);
  }
  // So many are running now.
  void count_admission(std::int64_t running) {
    sums_.max_running = std::max(sums_.max_running, running);
  }
  void count_preemption() { ++sums_.preemptions; }

  // Whatever ran has ended. Beside what was added here, what its parts have summed up.
  [[nodiscard]] SpanSums sums(const DecodeBatch& decodes, const PrefillBatch& prefills,
                              const SpanPricer& pricer, const CountedPool& pool,
                              Bytes bytes_per_token) const;

 private:
  std::int64_t max_num_seqs_;
  SpanSums sums_;
  Int128 unguarded_ = 0;     // ∫ of blocks
  std::int64_t least_free_;  // ever
};

}  // namespace tessera
