#include "sim/metrics/step_totals.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "tessera/core/contract.hpp"

namespace tessera {

StepTokens StepTotals::add(const StepRecord& record) {
  TESSERA_INVARIANT(record.scheduled <= record.start, "a step is scheduled before it starts");
  check_order(record.engine, record.start, record.end);
  ++iterations_;
  time_ += record.time;
  busy_ += record.time.total();  // of all stages
  preemptions_ += static_cast<std::int64_t>(record.step->preempted.size());

  StepTokens tokens;
  for (const StepEntry& entry : record.step->entries) {
    if (entry.withdrawn || entry.kind == EntryKind::dead_row) {
      continue;
    }
    Slot& slot = slot_of(record.engine, *entry.sequence);
    count_recomputed(slot, entry);
    if (entry.samples) {
      const std::int64_t sampled = entry.sequence->request.num_sequences;
      tokens.sampled += sampled;
      if (slot.last_token) {
        itl.add(record.end - *slot.last_token, sampled);
      } else {
        // A prompt counts once, however many of its sequences are served by themselves.
        const bool counts = entry.sequence->child.value_or(0) == 0;
        tokens.prompts += counts ? entry.sequence->request.prompt.count() : 0;
      }
      slot.last_token = record.end;
    }
  }
  return tokens;
}

void StepTotals::add(const SpanRecord& span) {
  check_order(span.engine, span.start, span.end);
  const std::int64_t n = span.num_steps;
  iterations_ += n;
  if (span.context_price != priced_by_) {
    settle_context(span.context_price);
  }
  context_ += span.priced_context * n + span.shape.decode_sequences * DurationSeries::pairs(n);
  for (const auto part : step_time_parts) {
    time_.*part += span.common->*part * n;
  }
  busy_ += span.end - span.start;
  add_entries(span);
}

void StepTotals::add(const SpanSums& sums) {
  iterations_ += sums.iterations;
  time_ += sums.time;
  busy_ += sums.time.total();
  preemptions_ += sums.preemptions;
  recomputed_ += sums.recomputed_tokens;
}

// As the steps of the span would have been counted, one by one.
void StepTotals::add_entries(const SpanRecord& span) {
  const std::int64_t n = span.num_steps;
  const SimTime first_end = span.start_of(1);
  std::int64_t alike = 0;  // sequences whose first gaps are `gap`
  Duration gap;
  for (const StepEntry& entry : span.repeated->entries) {
    if (entry.kind == EntryKind::dead_row) {
      continue;
    }
    Slot& slot = slot_of(span.engine, *entry.sequence);
    TESSERA_INVARIANT(slot.last_token.has_value(), "who decodes has sampled before");
    StepEntry all = entry;
    all.tokens += Tokens{n - 1};
    all.context += Tokens{n - 1};
    count_recomputed(slot, all);
    if (alike > 0 && first_end - *slot.last_token != gap) {
      itl.add(gap, std::exchange(alike, 0));
    }
    gap = first_end - *slot.last_token;
    ++alike;
    slot.last_token = span.end;
  }
  if (alike > 0) {
    itl.add(gap, alike);
  }
  if (n > 1) {
    const DurationSeries later(span.durations.term(1), span.durations.growth());
    itl.add(later, n - 1, later.sum(n - 1), span.shape.sampled_sequences);
  }
}

StepTime StepTotals::time() const {
  StepTime sum = time_;
  for (const auto part : step_time_parts) {
    sum.*part += Duration::picoseconds((context_price_.*part).picoseconds() * context_);
  }
  return sum;
}

// From now on, context is counted at another price.
void StepTotals::settle_context(const StepTime* price) {
  time_ = time();
  context_ = 0;
  context_price_ = *price;
  priced_by_ = price;
}

SimTime& StepTotals::first_end_of(EngineId engine) {
  const auto index = static_cast<std::size_t>(number_of(engine));
  last_end_.resize(std::max(last_end_.size(), index + 1));
  return last_end_[index];
}

// Slots are used again once their sequence has ended, which its request's number tells.
StepTotals::Slot& StepTotals::slot_of(EngineId engine, const Sequence& sequence) {
  const auto row = static_cast<std::size_t>(number_of(engine));
  if (row >= slots_.size()) {
    slots_.resize(row + 1);
  }
  std::vector<Slot>& slots = slots_[row];
  const std::size_t index = index_of(sequence.kv.id);
  if (index >= slots.size()) {
    slots.resize(std::max(index + 1, 2 * slots.size()));
  }
  Slot& slot = slots[index];
  if (slot.request != sequence.request.id) {
    slot = Slot{sequence.request.id, Tokens{0}, std::nullopt};
  }
  return slot;
}

void StepTotals::count_recomputed(Slot& slot, const StepEntry& entry) {
  const Tokens first = entry.context - entry.tokens;
  recomputed_ += std::max(Tokens{0}, std::min(entry.context, slot.computed) - first).count();
  slot.computed = std::max(slot.computed, entry.context);
}

}  // namespace tessera
