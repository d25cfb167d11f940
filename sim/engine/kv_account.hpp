// What each sequence's KV cost over its life: peaks, and the integral of what it held in vain.
#pragma once

#include <vector>

#include "tessera/core/time.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {

class KvAccount {
 public:
  struct Totals {
    Bytes peak_written{0};
    Bytes peak_reserved{0};
    Int128 wasted_byte_picoseconds = 0;
  };

  // From `now` on the sequence holds `usage`. Returns whether that is a change.
  bool update(SequenceId id, const SequenceKvUsage& usage, SimTime now) {
    if (index_of(id) < entries_.size()) {
      const SequenceKvUsage& held = entries_[index_of(id)].usage;
      if (usage.written == held.written && usage.reserved == held.reserved) {
        return false;
      }
    }
    return change(id, usage, now);
  }
  // How what a sequence holds has grown at the starts of some steps, 1 … n.
  struct Growth {
    SimTime start;     // of step 0
    Duration length;   // from then to the start of step n
    Bytes written{0};  // a step
    std::int64_t steps = 0;
    Int128 moment = 0;                     // Σ j · the time of step j, for j < n
    Bytes reserved{0};                     // by step n
    Int128 reserved_byte_picoseconds = 0;  // ∫ of what was added to it
  };
  // The same as an update at each of these starts.
  void go_on(SequenceId id, const Growth& growth);
  // The totals of a sequence that holds nothing any more; its slot starts anew.
  [[nodiscard]] Totals close(SequenceId id);

 private:
  struct Entry {
    SequenceKvUsage usage;
    SimTime since;
    Totals totals;
  };
  bool change(SequenceId id, const SequenceKvUsage& usage, SimTime now);

  std::vector<Entry> entries_;  // by SequenceId
};

}  // namespace tessera
