#include "tessera/scheduling/step_builder.hpp"

#include <algorithm>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

// vLLM's distinction: a decode computes the last known token alone, of a sequence that has sampled
// before. The last one-token chunk of a resumed sequence counts as one, too.
EntryKind kind_of_running(const Sequence& sequence, Tokens tokens) {
  const bool last_token_alone = tokens == Tokens{1} && sequence.remaining() == tokens;
  const bool has_sampled = sequence.generated + sequence.in_flight > Tokens{0};
  return has_sampled && last_token_alone ? EntryKind::decode : EntryKind::prefill;
}

Admission admission_of(const Sequence& sequence, const StepBuilder::Terms& terms) {
  return {.entries = terms.left_padding + std::max(terms.cached + terms.tokens, terms.reserved),
          .cached = terms.cached,
          .must_fit = terms.left_padding + terms.must_fit,
          .known = sequence.known(),
          .watermark_applies = terms.watermark_applies,
          .rows = terms.rows};
}

}  // namespace

Tokens StepBuilder::cached_prefix(const Sequence& sequence) const {
  return kv_.cached_prefix(sequence.kv, sequence.known());
}

Grant StepBuilder::admit(Sequence& sequence, const Terms& terms) {
  TESSERA_INVARIANT(sequence.state == SequenceState::waiting,
                    "only waiting sequences are admitted");
  sequence.kv.left_padding = terms.left_padding;
  sequence.kv.trailing_padding = terms.trailing_padding;
  const Grant grant = kv_.admit(sequence.kv, admission_of(sequence, terms), step_.work);
  if (grant != Grant::ok) {
    step_.memory_refused = true;
    return grant;
  }
  sequence.state = SequenceState::running;
  sequence.computed = terms.cached;
  sequence.prefilling = true;
  if (!sequence.scheduled) {
    sequence.scheduled = now_;
    sequence.cached = terms.cached;
  }
  if (terms.cached > Tokens{0}) {
    step_.hits.push_back({&sequence, terms.cached});
  }
  step_.admitted.push_back(&sequence);
  add_entry(sequence, terms.tokens, EntryKind::prefill);
  step_.entries.back().cached = terms.cached_in_budget;
  step_.cached += terms.cached_in_budget;
  if (terms.left_padding > Tokens{0}) {
    step_.entries.back().tokens += terms.left_padding;
    step_.tokens += terms.left_padding;
  }
  return Grant::ok;
}

Grant StepBuilder::schedule(Sequence& sequence, Tokens tokens) {
  return schedule_as(sequence, tokens, kind_of_running(sequence, tokens));
}

Grant StepBuilder::schedule_chunk(Sequence& sequence, Tokens tokens) {
  return schedule_as(sequence, tokens, EntryKind::prefill);
}

Grant StepBuilder::schedule_as(Sequence& sequence, Tokens tokens, EntryKind kind) {
  TESSERA_INVARIANT(sequence.state == SequenceState::running && !sequence.in_step,
                    "a running sequence is scheduled once a step");
  const Tokens entries = sequence.kv.left_padding + sequence.computed + tokens;
  const Grant grant = kv_.extend(sequence.kv.id, entries, step_.work);
  if (grant == Grant::ok) {
    const Tokens before = sequence.kv.left_padding + sequence.computed;
    add_entry(sequence, tokens, kind);
    compute_again(sequence, before);
  }
  return grant;
}

void StepBuilder::compute_again(Sequence& sequence, Tokens entries) {
  if (kv_.keeps_entries()) {
    return;
  }
  StepEntry& entry = step_.entries[sequence.entry];
  entry.tokens += entries;
  entry.kind = entry.kind == EntryKind::decode ? EntryKind::prefill : entry.kind;
  step_.tokens += entries;
}

bool StepBuilder::could_admit(const Sequence& sequence, const Terms& terms) {
  const bool fits = kv_.could_admit(sequence.kv, admission_of(sequence, terms)) == Grant::ok;
  step_.memory_refused = step_.memory_refused || !fits;
  return fits;
}

std::size_t StepBuilder::could_admit_together(std::span<const Candidate> waiting) {
  if (kv_.is_batch_shaped()) {  // the first row opens the batch for all of them, to its end
    const Candidate& first = waiting.front();
    KvSequence kv = first.sequence->kv;
    kv.left_padding = first.terms.left_padding;
    kv.trailing_padding = first.terms.trailing_padding;
    const Grant grant = kv_.could_admit(kv, admission_of(*first.sequence, first.terms));
    step_.memory_refused = step_.memory_refused || grant != Grant::ok;
    return grant == Grant::ok ? waiting.size() : 0;
  }
  std::size_t admitted = 0;
  KvWork none;
  while (admitted < waiting.size()) {
    const Candidate& next = waiting[admitted];
    KvSequence kv = next.sequence->kv;
    kv.left_padding = next.terms.left_padding;
    kv.trailing_padding = next.terms.trailing_padding;
    if (kv_.admit(kv, admission_of(*next.sequence, next.terms), none) != Grant::ok) {
      step_.memory_refused = true;
      break;
    }
    ++admitted;
  }
  for (std::size_t i = admitted; i > 0; --i) {
    kv_.release(waiting[i - 1].sequence->kv.id);
  }
  return admitted;
}

void StepBuilder::schedule_dead_row(Sequence& sequence) {
  TESSERA_INVARIANT(sequence.finished(), "a dead row's sequence has ended");
  const Grant grant = schedule_as(sequence, Tokens{1}, EntryKind::dead_row);
  TESSERA_INVARIANT(grant == Grant::ok, "a static batch reserves its rows whole");
}

Tokens StepBuilder::preempt(Sequence& sequence) {
  TESSERA_INVARIANT(sequence.state == SequenceState::running,
                    "only running sequences are preempted");
  Tokens returned{0};
  if (sequence.in_step) {
    StepEntry& entry = step_.entries[sequence.entry];
    entry.withdrawn = true;
    sequence.in_flight -= Tokens{entry.samples ? 1 : 0};
    --sequence.steps_in_flight;
    returned = entry.tokens * entry.rows;
    step_.tokens -= returned;
    step_.cached -= entry.cached;
    sequence.in_step = false;
  }
  kv_.release(sequence.kv.id);
  sequence.computed = Tokens{0};
  sequence.state = SequenceState::waiting;
  ++sequence.num_preemptions;
  step_.preempted.push_back(&sequence);
  return returned;
}

void StepBuilder::add_entry(Sequence& sequence, Tokens tokens, EntryKind kind) {
  TESSERA_INVARIANT(tokens > Tokens{0}, "an entry computes something");
  const bool samples = kind != EntryKind::dead_row && sequence.remaining() == tokens;
  sequence.computed += tokens;
  kv_.publish(sequence.kv.id, std::min(sequence.computed, sequence.known()));
  sequence.in_flight += Tokens{samples ? 1 : 0};
  ++sequence.steps_in_flight;
  sequence.prefilling = sequence.prefilling && !samples;
  sequence.in_step = true;
  sequence.entry = step_.entries.size();
  // The sequences of a group begin with one prefill, and go on by themselves.
  const std::int64_t rows = kind == EntryKind::decode ? sequence.request.num_sequences : 1;
  step_.tokens += tokens * rows;
  step_.entries.push_back({.sequence = &sequence,
                           .tokens = tokens,
                           .context = sequence.kv.left_padding + sequence.computed,
                           .kind = kind,
                           .samples = samples,
                           .rows = rows,
                           .preemptions = sequence.num_preemptions});
}

Grant StepBuilder::swap_out(Sequence& sequence) {
  TESSERA_INVARIANT(sequence.state == SequenceState::running && !sequence.in_step,
                    "who is swapped out runs, and is not in this step");
  const Grant grant = kv_.swap_out(sequence.kv.id, step_.work);
  if (grant == Grant::ok) {
    sequence.state = SequenceState::swapped;
    ++sequence.num_preemptions;
    step_.preempted.push_back(&sequence);
    step_.swapped_out.push_back(&sequence);
  }
  return grant;
}

Grant StepBuilder::swap_in(Sequence& sequence) {
  TESSERA_INVARIANT(sequence.state == SequenceState::swapped, "who is swapped in was swapped out");
  const Grant grant = kv_.swap_in(sequence.kv.id, step_.work);
  if (grant == Grant::ok) {
    sequence.state = SequenceState::running;
    step_.swapped_in.push_back(&sequence);
  } else {
    step_.memory_refused = true;
  }
  return grant;
}

void StepBuilder::finish() {
  kv_.settle(step_.work);
  step_.writes_kv = kv_.keeps_entries();
  for (const StepEntry& entry : step_.entries) {
    entry.sequence->in_step = false;
  }
}

}  // namespace tessera
