#include "sim/engine/phase_account.hpp"

#include "tessera/core/contract.hpp"

namespace tessera {

void PhaseAccount::resume(SequenceId id, SimTime now) {
  move(id, entries_[index_of(id)].before_swap, now);
}

// Adds the time since the phase began.
void PhaseAccount::settle(Entry& entry, SimTime now) const {
  const Duration time = now - entry.since;
  RequestPhases& parts = entry.parts;
  switch (entry.phase) {
    case Phase::queued: {
      const Duration blocked = clocks_.of_memory(now) - entry.clock_at_start;
      TESSERA_INVARIANT(blocked <= time, "memory blocks a request no longer than it is queued");
      parts.queued_memory += blocked;
      parts.queued_slot += time - blocked;
      break;
    }
    case Phase::prefill:
      parts.prefill += time;
      break;
    case Phase::decode: {
      const Duration stalled = clocks_.of_prefills() - entry.clock_at_start;
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
