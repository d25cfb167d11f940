// One iteration of an engine: what is computed in it, and what was decided to get there.
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/core/quantity.hpp"
#include "tessera/cost/step_shape.hpp"
#include "tessera/scheduling/sequence.hpp"

namespace tessera {

enum class EntryKind {
  prefill,
  decode,   // the sequence ran before, and its last sampled token alone is computed
  dead_row  // a row of a static batch whose sequence has ended: work without a result
};

struct StepEntry {
  Sequence* sequence = nullptr;
  Tokens tokens{0};   // computed in this step, padding included
  Tokens cached{0};   // scheduled with them, but found in the cache (vLLM v0 counts them)
  Tokens context{0};  // entries that the last of them attends to, itself and padding included
  EntryKind kind = EntryKind::prefill;
  bool samples = false;    // reaches the last known token, so that a new one is sampled
  bool withdrawn = false;  // preempted after it had been scheduled in this very step
  // Sequences of one request that decode together, each so many tokens.
  std::int64_t rows = 1;
  // The sequence's preemptions when it was scheduled: if there are more when the step has run, its
  // memory is gone, and only the sampled token counts.
  std::int64_t preemptions = 0;
};

struct CacheHit {
  Sequence* sequence = nullptr;
  Tokens tokens{0};
};

struct Step {
  std::vector<StepEntry> entries;      // in the policy's order; withdrawn ones do not count
  std::vector<Sequence*> admitted;     // waiting to running, new and resumed
  std::vector<Sequence*> preempted;    // in the order of preemption
  std::vector<Sequence*> swapped_out;  // those of them who wait in host memory
  std::vector<Sequence*> swapped_in;
  std::vector<CacheHit> hits;
  bool writes_kv = true;  // of the tokens that it computes
  KvWork work;
  Tokens tokens{0};             // of all entries
  Tokens cached{0};             // the same
  bool memory_refused = false;  // somebody was not admitted or brought back for want of memory

  void clear() {
    entries.clear();
    admitted.clear();
    preempted.clear();
    swapped_out.clear();
    swapped_in.clear();
    hits.clear();
    writes_kv = true;
    work = {};
    tokens = cached = Tokens{0};
    memory_refused = false;
  }
  // What its time depends on.
  [[nodiscard]] StepShape shape() const;
  // The same without its prefills: what sequences compute that have sampled before, which without a
  // KV cache is all of their tokens again.
  [[nodiscard]] StepShape shape_of_decodes() const;
};

}  // namespace tessera
