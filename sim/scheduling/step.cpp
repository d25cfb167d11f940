#include "tessera/scheduling/step.hpp"

namespace tessera {

StepShape Step::shape() const {
  StepShape shape;
  for (const StepEntry& entry : entries) {
    if (entry.withdrawn) {
      continue;
    }
    shape.sampled_sequences += entry.samples ? entry.rows : 0;
    if (entry.kind == EntryKind::prefill) {
      const std::int64_t n = entry.tokens.count();
      const std::int64_t past = entry.context.count() - n;
      ++shape.prefill_sequences;
      shape.prefill_tokens += entry.tokens;
      shape.prefill_context += entry.context;
      shape.prefill_pairs += n * past + n * (n + 1) / 2;
      shape.prefill_squares += n * n;
    } else {
      shape.decode_sequences += entry.rows;
      shape.decode_context += entry.context * entry.rows;
    }
  }
  shape.work = work;
  return shape;
}

}  // namespace tessera
