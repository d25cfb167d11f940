#include "tessera/scheduling/step.hpp"

namespace tessera {
namespace {

void add(StepShape& shape, const StepEntry& entry) {
  shape.sampled_sequences += entry.samples ? entry.rows : 0;
  // Without a KV cache a decode computes more than one token, as a prefill does.
  if (entry.kind == EntryKind::prefill || entry.tokens > Tokens{1}) {
    const std::int64_t n = entry.tokens.count();
    const std::int64_t past = entry.context.count() - n;
    ++shape.prefill_sequences;
    shape.prefill_tokens += entry.tokens;
    shape.cached_tokens += entry.cached;
    shape.prefill_context += entry.context;
    shape.prefill_pairs += n * past + n * (n + 1) / 2;
    shape.prefill_squares += n * n;
  } else {
    shape.decode_sequences += entry.rows;
    shape.decode_context += entry.context * entry.rows;
  }
}

}  // namespace

StepShape Step::shape() const {
  StepShape shape;
  for (const StepEntry& entry : entries) {
    if (!entry.withdrawn) {
      add(shape, entry);
    }
  }
  shape.writes_kv = writes_kv;
  shape.work = work;
  return shape;
}

StepShape Step::shape_of_decodes() const {
  StepShape shape;
  for (const StepEntry& entry : entries) {
    const bool again = !writes_kv && entry.sequence->generated > Tokens{0};
    if (!entry.withdrawn && (entry.kind != EntryKind::prefill || again)) {
      add(shape, entry);
    }
  }
  shape.writes_kv = writes_kv;
  shape.work = work;
  return shape;
}

}  // namespace tessera
