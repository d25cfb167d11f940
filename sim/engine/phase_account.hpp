// Where each request's time goes, from its arrival to its end, so that the parts sum to it exactly.
//
// At every moment a request is in one phase; what it is in changes at the boundaries of steps:
//   queued      from its arrival to its first admission. Of this, the time since the engine has
//               seen it during which memory blocked the queue is queued_memory: the latest decision
//               had been refused memory for somebody, or had taken it from somebody. The rest is
//               queued_slot: sequences, tokens or turns of the policy were what was missing.
//   prefill     from its first admission to its first token.
//   decode      from a sampled token on. Of this, what the prefills of others took is stalled.
//   preempted   its memory was taken, and it waits to be admitted again.
//   recomputed  from that admission to its next token.
//   swapped     its KV is in host memory. It then goes on with the phase that it left.
//   held        its last token is sampled, but its static batch goes on.
//
// The engine keeps two clocks (phase_clocks.hpp); a request needs their difference between two
// changes of phase. So a step costs O(1), and so does a request.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "sim/engine/phase_clocks.hpp"
#include "tessera/core/time.hpp"
#include "tessera/engine/recorder.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {

enum class Phase : std::uint8_t { queued, prefill, decode, preempted, recomputed, swapped, held };

class PhaseAccount {
 public:
  // The engine sees a request `now` that has arrived before.
  void arrive(SequenceId id, SimTime arrival, SimTime now);
  // It is in `phase` from now on. Nothing changes where it was before.
  void move(SequenceId id, Phase phase, SimTime now);
  // It is back from host memory, in the phase that it was in.
  void resume(SequenceId id, SimTime now);
  // Its parts, once it has ended: good until somebody else arrives.
  [[nodiscard]] const RequestPhases& close(SequenceId id, SimTime now);

  [[nodiscard]] PhaseClocks& clocks() { return clocks_; }

 private:
  struct Entry {
    Phase phase = Phase::queued;
    Phase before_swap = Phase::queued;
    SimTime since;
    Duration clock_at_start;  // the clock that divides the phase
    RequestPhases parts;
  };

  void settle(Entry& entry, SimTime now) const;

  std::vector<Entry> entries_;  // by SequenceId
  PhaseClocks clocks_;
};

inline void PhaseAccount::arrive(SequenceId id, SimTime arrival, SimTime now) {
  if (index_of(id) >= entries_.size()) {
    entries_.resize(index_of(id) + 1);
  }
  Entry& entry = entries_[index_of(id)];
  entry.phase = Phase::queued;
  entry.since = arrival;
  entry.clock_at_start = clocks_.of_memory(now);
  entry.parts = {};
}

inline void PhaseAccount::move(SequenceId id, Phase phase, SimTime now) {
  Entry& entry = entries_[index_of(id)];
  if (entry.phase == phase) {
    return;
  }
  settle(entry, now);
  if (phase == Phase::swapped) {
    entry.before_swap = entry.phase;
  }
  entry.phase = phase;
  entry.since = now;
  entry.clock_at_start = clocks_.of_prefills();
}

inline const RequestPhases& PhaseAccount::close(SequenceId id, SimTime now) {
  Entry& entry = entries_[index_of(id)];
  settle(entry, now);
  return entry.parts;
}

}  // namespace tessera
