// What a recorder that looks into spans is told of each: kept only where there is one.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/engine/counted_pool.hpp"
#include "sim/engine/decode_batch.hpp"
#include "sim/engine/last_blocks.hpp"
#include "sim/engine/prefill_batch.hpp"
#include "sim/engine/span_pricer.hpp"
#include "tessera/engine/recorder.hpp"

namespace tessera {

class SpanReport {
 public:
  // What it looks at: all of it outlives it.
  struct Parts {
    const DeviceLedger& idle;
    const CountedPool& pool;
    const DecodeBatch& decodes;
    const PrefillBatch& prefills;
    const std::vector<SpanSequence>& all;  // sequences
  };

  SpanReport(EngineId engine, const Parts& parts, Bytes bytes_per_token);

  // A sequence begins to decode, or has stopped to: its blocks are still its own.
  void join(std::uint32_t slot) {
    never_ += never_used(slot);
    last_blocks_.join(slot, parts_.decodes.iteration());
  }
  void leave(std::uint32_t slot) {
    never_ -= never_used(slot);
    last_blocks_.leave(slot);
  }

  // A span begins: its first step is decided, and has taken its blocks. The price of decodes is
  // referred to until it ends.
  void begin(SimTime now, const StepShape& shape, const QueueSizes& queues,
             std::int64_t num_preempted);
  void set_price(const SpanPricer& pricer, const SpanPricer::Decodes& decodes,
                 const DurationSeries& durations);
  void set_price(const SpanPricer& pricer, const SpanPricer::Mixed& step);
  // It has been decided how far it goes.
  void set_length(std::int64_t steps, std::int64_t blocks_taken, SimTime end);
  [[nodiscard]] const SpanRecord& span() const { return span_; }

 private:
  [[nodiscard]] std::int64_t never_used(std::uint32_t slot) const {
    const SpanSequence& sequence = parts_.all[slot];
    return sequence.never_used(sequence.blocks * parts_.pool.block_size().entries());
  }

  Parts parts_;
  LastBlocks last_blocks_;
  Bytes bytes_per_token_;
  std::int64_t never_ = 0;  // entries of room that decoding sequences own and will never use
  SpanPricer::Mixed mixed_;
  SpanRecord span_;
  std::vector<std::int64_t> taken_;           // by iteration modulo the block size
  std::vector<SpanRecord::LastBlock> later_;  // than step 0, last blocks that the span takes
};

}  // namespace tessera
