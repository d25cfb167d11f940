// The two clocks of an engine by which the phases of its requests are divided: of time that
// prefills took, and of time that memory blocked the queue. Where steps do not overlap, those that
// prefill nobody need not be told.
//
// What prefills take of a step is its time less the time of the same step without them: all of a
// step that decodes nobody, nothing of a step that prefills nobody. Recomputing is prefilling, too.
// Where steps overlap (a pipeline), each counts from the end of the one before it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "tessera/core/time.hpp"

namespace tessera {

// What keeps the head of the queue from being admitted.
enum class QueueBlock : std::uint8_t { slot, memory };

class PhaseClocks {
 public:
  // What blocks the queue from now on.
  void set_queue_block(QueueBlock block, SimTime now) {
    if (block != block_) {
      memory_clock_ = of_memory(now);
      blocked_since_ = now;
      block_ = block;
    }
  }
  // A step ran from `start` to `end`, `of_prefills` of it for them. Before those it changes move.
  void end_step(SimTime start, SimTime end, Duration of_prefills) {
    if (of_prefills > Duration{}) {
      add_prefills(std::min(of_prefills, end - std::max(start, last_end_)));
    }
    last_end_ = end;
  }
  // The same, of a step that begins where the one before it ends.
  void add_prefills(Duration of_prefills) { prefill_clock_ += of_prefills; }

  [[nodiscard]] Duration of_prefills() const { return prefill_clock_; }
  [[nodiscard]] Duration of_memory(SimTime now) const {
    return block_ == QueueBlock::memory ? memory_clock_ + (now - blocked_since_) : memory_clock_;
  }

 private:
  Duration prefill_clock_;
  SimTime last_end_;
  Duration memory_clock_;  // up to blocked_since_
  SimTime blocked_since_;
  QueueBlock block_ = QueueBlock::slot;
};

}  // namespace tessera
