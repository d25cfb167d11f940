// What a recorder that looks into spans is told of each: kept only where there is one.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/engine/decode_batch.hpp"
#include "sim/engine/last_blocks.hpp"
#include "sim/engine/span_pricer.hpp"
#include "tessera/engine/recorder.hpp"
#include "tessera/memory/paged_pool.hpp"

namespace tessera {

class SpanReport {
 public:
  // Blocks and entries while a span begins, after what its first step has decided.
  struct Holdings {
    std::int64_t entries = 0;    // written
    std::int64_t free = 0;       // blocks
    std::int64_t unguarded = 0;  // of the watermark's blocks, in use
  };

  // The idle ledger, the batch and all sequences outlive it.
  SpanReport(EngineId engine, const DeviceLedger& idle, const PagedPool& pool,
             Bytes bytes_per_token, const DecodeBatch& decodes,
             const std::vector<SpanSequence>& all, std::int64_t block_size);

  // A sequence begins to decode, or stops to.
  void join(std::uint32_t slot) { last_blocks_.join(slot, decodes_.iteration()); }
  void leave(std::uint32_t slot) { last_blocks_.leave(slot); }
  // So many more entries of room will never be used, beside what decoding sequences take.
  void add_never(std::int64_t entries) { never_ += entries; }

  // A span begins. The price's parts are referred to until it ends.
  void begin(SimTime now, const StepShape& shape, const Holdings& holdings);
  void set_price(const SpanPricer& pricer, const SpanPricer::Decodes& decodes,
                 const DurationSeries& durations);
  void set_price(const SpanPricer& pricer, const SpanPricer::Mixed& step);
  // It has been decided how far it goes.
  void set_length(std::int64_t steps, std::int64_t blocks_taken, SimTime end);
  [[nodiscard]] SpanRecord& span() { return span_; }

 private:
  const DecodeBatch& decodes_;
  LastBlocks last_blocks_;
  Blocks usable_;
  Bytes bytes_per_token_;
  std::int64_t never_ = 0;  // entries of room
  SpanRecord span_;
  std::vector<std::int64_t> taken_;           // by iteration modulo the block size
  std::vector<SpanRecord::LastBlock> later_;  // than step 0, last blocks that the span takes
};

}  // namespace tessera
