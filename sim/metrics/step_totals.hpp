// What the steps did: their number, what bounded their time, the gaps between tokens, and the work
// that preemption made them do again.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sim/metrics/distribution.hpp"
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
  // Inline, as all that is done for each of the spans of a run.
  void add(const SpanRecord& span);

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

inline void StepTotals::add(const SpanRecord& span) {
  check_order(span.engine, span.start, span.end);
  const std::int64_t n = span.num_steps;
  iterations_ += n;
  if (span.context_price != priced_by_) {
    settle_context(span.context_price);
  }
  context_ += span.priced_context * n + span.shape.decode_sequences * DurationSeries::pairs(n);
  for (const auto part : step_time_parts) {
    // 64 bits hold the times of a span's steps.
    const auto each = static_cast<std::int64_t>((span.common->*part).picoseconds());
    time_.*part += Duration::picoseconds(Int128{each} * n);
  }
  busy_ += span.end - span.start;
  preemptions_ += span.num_preempted;
  recomputed_ += span.recomputed_tokens;
  if (span.repeated != nullptr) {
    add_entries(span);
  } else if (span.continuing > 0) {
    itl.add(span.durations, n, span.continuing);
  }
  for (const Duration gap : span.longer_gaps) {
    itl.add(gap);
  }
}

}  // namespace tessera
