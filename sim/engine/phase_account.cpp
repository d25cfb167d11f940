#include "sim/engine/phase_account.hpp"

#include "tessera/core/contract.hpp"

namespace tessera {

void PhaseAccount::arrive(SequenceId id, SimTime arrival, SimTime now) {
  if (index_of(id) >= entries_.size()) {
    entries_.resize(index_of(id) + 1);
  }
  Entry& entry = entries_[index_of(id)];
  entry.phase = Phase::queued;
  entry.since = arrival;
  entry.clock_at_start = memory_clock(now);
  entry.parts = {};
}

void PhaseAccount::move(SequenceId id, Phase phase, SimTime now) {
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
  entry.clock_at_start = prefill_clock_;
}

void PhaseAccount::resume(SequenceId id, SimTime now) {
  move(id, entries_[index_of(id)].before_swap, now);
}

const RequestPhases& PhaseAccount::close(SequenceId id, SimTime now) {
  Entry& entry = entries_[index_of(id)];
  settle(entry, now);
  return entry.parts;
}

Duration PhaseAccount::memory_clock(SimTime now) const {
  return block_ == QueueBlock::memory ? memory_clock_ + (now - blocked_since_) : memory_clock_;
}

// Adds the time since the phase began.
void PhaseAccount::settle(Entry& entry, SimTime now) const {
  const Duration time = now - entry.since;
  RequestPhases& parts = entry.parts;
  switch (entry.phase) {
    case Phase::queued: {
      const Duration blocked = memory_clock(now) - entry.clock_at_start;
      TESSERA_INVARIANT(blocked <= time, "memory blocks a request no longer than it is queued");
      parts.queued_memory += blocked;
      parts.queued_slot += time - blocked;
      break;
    }
    case Phase::prefill:
      parts.prefill += time;
      break;
    case Phase::decode: {
      const Duration stalled = prefill_clock_ - entry.clock_at_start;
      TESSERA_INVARIANT(stalled <= time, "prefills take no more than the time that passes");
      parts.stalled += stalled;
      parts.decode += time - stalled;
      break;
    }
    case Phase::preempted:
      parts.preempted += time;
      break;
    case Phase::recomputed:
      parts.recomputed += time;
      break;
    case Phase::swapped:
      parts.swapped += time;
      break;
    case Phase::held:
      parts.held += time;
      break;
  }
}

}  // namespace tessera
