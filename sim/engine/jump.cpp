// How the one-step engine jumps: what it asks, and how the steps that it passes over are made up
// for, so that nothing differs from taking them one by one.
//
// Steps are counted from the one that was decided, which is 0. When the jump lands, all but the
// last of them have ended; the last one ends as any other step does.
#include "sim/engine/jump.hpp"

#include <algorithm>

#include "sim/engine/engine.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

constexpr StepTime no_price;

// Whether the step computes one token of each running sequence, each a request by itself, decides
// nothing else, and gives the GPU no work of another size in every step.
bool only_decodes(const Step& step, const StepShape& shape, std::int64_t running) {
  const bool has_children =
      std::any_of(step.entries.begin(), step.entries.end(),
                  [](const StepEntry& entry) { return entry.sequence->child.has_value(); });
  KvWork work = step.work;
  work.cells_scanned = Tokens{0};
  return step.admitted.empty() && step.preempted.empty() && step.swapped_in.empty() &&
         shape.prefill_sequences == 0 && shape.decode_sequences == running &&
         static_cast<std::int64_t>(step.entries.size()) == running && work == KvWork{} &&
         step.writes_kv && !has_children;
}

std::int64_t picoseconds(const StepTime& time) {
  return static_cast<std::int64_t>(time.total().picoseconds());
}

// How often something happens at `first`, first + stride, … up to and including `last`.
std::int64_t times_until(std::int64_t last, std::int64_t first, std::int64_t stride) {
  return first > last ? 0 : (last - first) / stride + 1;
}

// Fills takes and taken from the outlook.
void sum_takes(Jump& jump, std::int64_t iteration) {
  const KvOutlook& outlook = jump.outlook;
  jump.takes.clear();
  jump.taken.assign(static_cast<std::size_t>(outlook.stride), 0);
  for (const std::int64_t first : outlook.first_take) {
    if (first == 0 || first > jump.steps) {
      continue;
    }
    const auto step = static_cast<std::size_t>(first);
    jump.takes.resize(std::max(jump.takes.size(), step + 1));
    Jump::Takes& takes = jump.takes[step];
    if (takes.sequences++ == 0) {
      takes.blocks = times_until(jump.steps, first, outlook.stride);
      takes.starts = jump.durations.sum_of_sums(first, outlook.stride, takes.blocks);
    }
    ++jump.taken[static_cast<std::size_t>((iteration + first) % outlook.stride)];
  }
}

// Fills last_blocks from the outlook.
void note_last_blocks(Jump& jump) {
  jump.last_blocks.clear();
  for (const KvOutlook::Never& more : jump.outlook.never) {
    if (more.step <= jump.steps) {
      jump.last_blocks.push_back({more.step, more.bytes});
    }
  }
  std::sort(jump.last_blocks.begin(), jump.last_blocks.end(),
            [](const auto& a, const auto& b) { return a.step < b.step; });
}

}  // namespace

// Whether the step that has just been launched goes on in a jump.
bool Engine::jump(SimTime now, SimTime horizon) {
  if (!busy() || !only_decodes(in_flight_.front().step, in_flight_.front().record.shape,
                               policy_->sizes().running)) {
    return false;
  }
  Batch& batch = in_flight_.front();
  jump_.batch.clear();
  for (const StepEntry& entry : batch.step.entries) {
    jump_.batch.push_back(entry.sequence->kv.id);
  }
  const std::int64_t steps = steps_to_jump(now, horizon);
  if (steps <= 0) {
    return false;
  }
  jump_.steps = steps;
  jump_.queues = policy_->sizes();
  jump_.ledger = ledger_of(0, kv_->usage());
  sum_takes(jump_, batch.record.iteration);
  batch.record.end = now + Duration::picoseconds(jump_.durations.sum(steps + 1));
  pipeline_.pass_until(batch.record.end);
  iterations_ += steps;
  return true;
}

// To the first step at whose end something else happens than that all have grown by an entry.
std::int64_t Engine::steps_to_jump(SimTime now, SimTime horizon) {
  const Batch& batch = in_flight_.front();
  const Repeats repeats = policy_->repeats();
  std::int64_t steps = std::min(repeats.steps, std::int64_t{1} << 30);
  for (const StepEntry& entry : batch.step.entries) {
    const Sequence& sequence = *entry.sequence;
    if (entry.kind == EntryKind::decode) {
      steps = std::min(steps, (sequence.output - sequence.generated).count() - 1);
    }
  }
  SimTime until = std::min(horizon, repeats.until);
  if (!departures_.empty()) {
    until = std::min(until, departures_.top().at);
  }
  if (steps <= 0 || until <= batch.record.end || batch.record.start != now) {
    return 0;
  }
  kv_->look_ahead(jump_.batch, steps, repeats.kept_free, jump_.outlook);
  steps = jump_.outlook.steps;
  if (steps <= 0 || !set_pace()) {
    return 0;
  }
  if (until < SimTime::max()) {
    steps = std::min(steps, jump_.durations.terms_to_last(until - now, steps + 1) - 1);
  }
  const bool too_long = jump_.durations.term(steps + 1) >= DurationSeries::longest_term;
  return too_long ? 0 : steps;
}

// How the times of the steps grow: by the context, unless attention reads cells less for it.
bool Engine::set_pace() {
  const StepRecord& record = in_flight_.front().record;
  const std::int64_t first = picoseconds(record.time);
  jump_.price = &context_price_;
  if (jump_.outlook.more_cells_scanned != Tokens{0}) {
    StepShape next = record.shape;
    next.decode_context += Tokens{next.decode_sequences};
    next.work.cells_scanned += jump_.outlook.more_cells_scanned;
    const StepTime time = pipeline_.time(next);
    jump_.price = time == record.time ? &no_price : jump_.price;
    if (picoseconds(time) != first + picoseconds(*jump_.price) * next.decode_sequences) {
      return false;
    }
  }
  jump_.durations =
      DurationSeries(first, picoseconds(*jump_.price) * record.shape.decode_sequences);
  return first > 0 && first < DurationSeries::longest_term;
}

// All but the last step of the jump have ended, and the last one is in flight.
void Engine::land() {
  const Batch& batch = in_flight_.front();
  const KvOutlook& outlook = jump_.outlook;
  const std::int64_t steps = jump_.steps;
  const Int128 length = jump_.durations.sum(steps);
  const SimTime first_end = batch.record.start + batch.record.time.total();
  KvAccount::Growth growth;
  growth.start = batch.record.start;
  growth.length = Duration::picoseconds(length);
  growth.steps = steps;
  growth.moment = jump_.durations.moment(steps);
  for (std::size_t i = 0; i < batch.step.entries.size(); ++i) {
    Sequence& sequence = *batch.step.entries[i].sequence;
    const bool lives = batch.step.entries[i].kind == EntryKind::decode;
    const std::int64_t first = outlook.first_take[i];
    const Jump::Takes takes =
        first > 0 && first <= steps ? jump_.takes[static_cast<std::size_t>(first)] : Jump::Takes{};
    growth.written = lives ? bytes_per_token_ : Bytes{0};
    growth.reserved = outlook.block * takes.blocks;
    growth.reserved_byte_picoseconds =
        (takes.blocks * length - takes.starts) * outlook.block.count();
    account_.go_on(sequence.kv.id, growth);
    if (lives) {  // also who had but one token to compute again
      phases_.move(sequence.kv.id, Phase::decode, first_end);
    }
    sequence.generated += Tokens{lives ? steps : 0};
    sequence.computed += Tokens{steps};
  }
  kv_->go_on(jump_.batch, steps);
  policy_->repeat(steps, batch.record.start + growth.length);
}

void Engine::record_jump() {
  const StepRecord& first = in_flight_.front().record;
  const StepShape& shape = first.shape;
  SpanRecord span;
  span.engine = id_;
  span.first_iteration = first.iteration;
  span.num_steps = jump_.steps + 1;
  span.start = first.start;
  span.end = first.end;
  span.durations = jump_.durations;
  span.step_moment = jump_.durations.moment(span.num_steps);
  span.common = &first.time;
  span.context_price = jump_.price;
  span.shape = shape;
  span.queues = jump_.queues;
  span.repeated = &in_flight_.front().step;
  span.finished = &finished_;
  span.after = policy_->sizes();
  span.free_blocks_after = kv_->free_blocks();
  span.total_blocks = first.total_blocks;
  span.idle = &jump_.ledger;
  span.live_growth = bytes_per_token_ * shape.sampled_sequences;
  span.pad_growth = bytes_per_token_ * (shape.decode_sequences - shape.sampled_sequences);
  span.block = jump_.outlook.block;
  span.free_blocks = first.free_blocks_after_schedule;
  span.taken = jump_.taken;
  const Int128 length = (first.end - first.start).picoseconds();
  for (const Jump::Takes& takes : jump_.takes) {
    const std::int64_t blocks = takes.sequences * takes.blocks;
    span.num_taken += blocks;
    span.taken_moment +=
        takes.sequences == 0 ? 0 : blocks * length - takes.sequences * takes.starts;
  }
  note_last_blocks(jump_);
  for (const SpanRecord::LastBlock& last : jump_.last_blocks) {
    span.never_moment += (length - jump_.durations.sum(last.step)) * last.never.count();
  }
  span.last_blocks = jump_.last_blocks;
  recorder_.on_span(span);
  jump_.steps = 0;
}

}  // namespace tessera
