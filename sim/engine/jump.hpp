// What the one-step engine needs to take many steps at once.
//
// A step that only decodes is often decided again and again: nobody arrives, ends or goes away,
// whoever waits still finds no place, and the running sequences take an entry each. The policy says
// for how long it would decide so, the KV manager for how long memory lasts, the cost model how the
// steps' times grow; the rest is sums. A jump costs O(batch), as a step does.
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/core/duration_series.hpp"
#include "tessera/engine/recorder.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {

struct Jump {
  std::int64_t steps = 0;  // after the one that was decided; 0: no jump
  DurationSeries durations;
  const StepTime* price = nullptr;  // of a token of context, or no price where other cells make up
  QueueSizes queues;
  DeviceLedger ledger;  // of the first step
  std::vector<SequenceId> batch;
  KvOutlook outlook;

  // Of the sequences that take their first block at one step: what follows, up to the last step.
  struct Takes {
    std::int64_t sequences = 0;
    std::int64_t blocks = 0;  // of each
    Int128 starts = 0;        // Σ of the times from the jump's start to the steps that take them
  };
  std::vector<Takes> takes;  // by that step
  std::vector<SpanRecord::LastBlock> last_blocks;
  std::vector<std::int64_t> taken;  // blocks a step, by iteration modulo the outlook's stride
};

}  // namespace tessera
