// What the steps did: their number, what bounded their time, the gaps between tokens, and the work
// that preemption made them do again.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "tessera/core/distribution.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/engine/recorder.hpp"

namespace tessera {

inline constexpr std::array<Duration StepTime::*, 4> step_time_parts{
    &StepTime::compute, &StepTime::memory, &StepTime::overhead, &StepTime::link};

// Tokens that a step brought.
struct StepTokens {
  std::int64_t sampled = 0;
  std::int64_t prompts = 0;  // prompt tokens of the sequences that sampled their first token
};

class StepTotals {
 public:
  // Checks what must hold of a step's record, and counts it.
  StepTokens add(const StepRecord& record);
  // Precondition: its sequences are named.
  void add(const SpanRecord& span);
  // Of an engine of which neither steps nor spans are added. The gaps between its tokens go into
  // `itl` by themselves.
  void add(const SpanSums& sums);

  [[nodiscard]] std::int64_t iterations() const { return iterations_; }
  // Of all steps.
  [[nodiscard]] StepTime time() const;
  [[nodiscard]] Duration busy() const { return busy_; }
  [[nodiscard]] std::int64_t preemptions() const { return preemptions_; }
  // Tokens computed more than once: of preempted sequences.
  [[nodiscard]] std::int64_t recomputed_tokens() const { return recomputed_; }

  // Gaps between consecutive tokens of one request, of all requests.
  Distribution itl{1 << 19};

 private:
  // What is remembered of the sequence in a slot of an engine's table.
  struct Slot {
    std::optional<RequestId> request;
    Tokens computed{0};  // the most entries that it ever had
    std::optional<SimTime> last_token;
  };

  void add_entries(const SpanRecord& span);
  void check_order(EngineId engine, SimTime start, SimTime end) {
    const auto index = static_cast<std::size_t>(number_of(engine));
    SimTime& last_end = index < last_end_.size() ? last_end_[index] : first_end_of(engine);
    TESSERA_INVARIANT(start <= end && end >= last_end,
                      "the steps of an engine start and end in their order");
    last_end = end;
  }
  SimTime& first_end_of(EngineId engine);
  void settle_context(const StepTime* price);
  Slot& slot_of(EngineId engine, const Sequence& sequence);
  void count_recomputed(Slot& slot, const StepEntry& entry);

  std::vector<std::vector<Slot>> slots_;  // by engine
  std::vector<SimTime> last_end_;         // by engine
  std::int64_t iterations_ = 0;
  StepTime time_;  // without what spans take for their context:
  StepTime context_price_;
  const StepTime* priced_by_ = nullptr;
  Int128 context_ = 0;  // tokens at this price
  Duration busy_;
  std::int64_t preemptions_ = 0;
  std::int64_t recomputed_ = 0;
};

}  // namespace tessera
