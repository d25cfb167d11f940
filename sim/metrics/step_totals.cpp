#include "sim/metrics/step_totals.hpp"

#include <algorithm>

#include "tessera/core/contract.hpp"

namespace tessera {

StepTokens StepTotals::add(const StepRecord& record) {
  const auto engine = static_cast<std::size_t>(number_of(record.engine));
  last_end_.resize(std::max(last_end_.size(), engine + 1));
  TESSERA_INVARIANT(record.scheduled <= record.start && record.start <= record.end,
                    "a step is scheduled, starts and ends in this order");
  TESSERA_INVARIANT(record.end >= last_end_[engine], "the steps of an engine end in their order");
  last_end_[engine] = record.end;

  ++iterations_;
  time_.compute += record.time.compute;
  time_.memory += record.time.memory;
  time_.overhead += record.time.overhead;
  time_.link += record.time.link;
  busy_ += record.end - record.start;
  preemptions_ += static_cast<std::int64_t>(record.step->preempted.size());

  StepTokens tokens;
  for (const StepEntry& entry : record.step->entries) {
    if (entry.withdrawn || entry.kind == EntryKind::dead_row) {
      continue;
    }
    Slot& slot = slot_of(record.engine, *entry.sequence);
    count_recomputed(slot, entry);
    if (entry.samples) {
      ++tokens.sampled;
      if (slot.last_token) {
        itl.add(record.end - *slot.last_token);
      } else {
        tokens.prompts += entry.sequence->request.prompt.count();
      }
      slot.last_token = record.end;
    }
  }
  return tokens;
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
