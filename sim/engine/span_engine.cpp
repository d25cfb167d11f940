// vLLM v1's scheduler on paged KV, in spans: what decides nothing is not looked at.
//
// Every running sequence computes in every step, and all but the last of them as much as it may:
// whoever was served in one step needs no more in the next, and only the last one can have been cut
// short by the budget. So a step is the decodes (decode_batch.hpp), and the few who prefill.
#include "sim/engine/span_engine.hpp"

#include <algorithm>
#include <vector>

#include "sim/engine/decode_batch.hpp"
#include "sim/engine/engine.hpp"
#include "sim/engine/phase_account.hpp"
#include "sim/engine/running_list.hpp"
#include "sim/engine/span_pricer.hpp"
#include "sim/engine/span_sequence.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/engine/simulate.hpp"
#include "tessera/memory/paged_pool.hpp"

namespace tessera {
namespace {

using Slot = std::uint32_t;
using State = SpanSequence::State;
constexpr Slot nobody = RunningList::nobody;

DeviceLedger idle_ledger(const MemoryPlan& plan, const KvCache& empty) {
  DeviceLedger ledger;
  ledger.capacity = plan.capacity;
  ledger.driver = plan.driver;
  ledger.weights = plan.weights;
  ledger.workspace_idle = plan.workspace;
  ledger.graphs = plan.graphs;
  ledger.outside = plan.outside;
  ledger.kv = empty.usage();
  return ledger;
}

// First come, first out. It starts anew whenever it is empty, and forgets those who have left when
// they are more than those who wait.
class SlotQueue {
 public:
  void push_back(Slot slot) { slots_.push_back(slot); }
  void pop_front() {
    if (++first_ == slots_.size()) {
      slots_.clear();
      first_ = 0;
    } else if (first_ > 1'000 && 2 * first_ > slots_.size()) {
      slots_.erase(slots_.begin(), slots_.begin() + static_cast<std::ptrdiff_t>(first_));
      first_ = 0;
    }
  }
  [[nodiscard]] Slot front() const { return slots_[first_]; }
  [[nodiscard]] bool empty() const { return slots_.empty(); }
  [[nodiscard]] std::size_t size() const { return slots_.size() - first_; }

 private:
  std::vector<Slot> slots_;
  std::size_t first_ = 0;
};

class SpanEngine final : public ServingEngine {
 public:
  SpanEngine(EngineId id, const Scenario& scenario, const MemoryPlan& plan, Recorder& recorder);

  [[nodiscard]] bool submit(const Request& request, SimTime now) override;
  SimTime schedule(SimTime now, SimTime horizon) override;
  void end_step(SimTime now, const std::function<void(const Request&)>& on_end) override;

  [[nodiscard]] bool busy() const override { return is_busy_; }
  [[nodiscard]] SimTime busy_until() const override { return span_.end; }
  [[nodiscard]] std::int64_t iterations() const override { return decodes_.iteration(); }
  [[nodiscard]] Bytes kv_reserved() const override {
    return pool_.block * (pool_.usable.count() - free_ + (is_busy_ ? span_.num_taken : 0));
  }

 private:
  // Deciding a step.
  void serve_running(SimTime now);
  [[nodiscard]] std::int64_t plan_chunks();
  void grant_chunks(SimTime now);
  void preempt_last(std::int64_t& needed, SimTime now);
  void admit_waiting(SimTime now);
  [[nodiscard]] bool admit(Slot slot, SimTime now);
  [[nodiscard]] Slot take_waiting();

  // Running it, and as many like it as may be.
  void launch(SimTime now, SimTime horizon);
  void shape_chunks();
  void describe_memory();
  void extend_span(SimTime now, SimTime horizon);
  void take_last_blocks();
  void count_chunks();

  // Ending it.
  void end_chunks(SimTime now);
  void settle_chunk(SpanSequence& sequence, SimTime now);
  void leave(Slot slot, SimTime now, const std::function<void(const Request&)>& on_end);
  void reject(const Request& request, SimTime now, EndReason reason);
  [[nodiscard]] bool can_ever_hold(Tokens prompt, Tokens output) const;
  [[nodiscard]] Tokens most_that_surely_fit() const;
  void report_idle(SimTime now);

  [[nodiscard]] QueueSizes queues() const {
    return {.running = running_.size(),
            .waiting = static_cast<std::int64_t>(preempted_.size() + fresh_.size())};
  }
  [[nodiscard]] bool somebody_waits() const { return !(preempted_.empty() && fresh_.empty()); }

  [[nodiscard]] std::int64_t blocks_of(std::int64_t entries) const {
    return (entries + block_size_ - 1) / block_size_;
  }
  // Blocks that a span may take without touching what the watermark guards, so that the guarded
  // ones stay as many as they are.
  [[nodiscard]] std::int64_t spare_blocks() const {
    return std::max(free_ - watermark_, std::int64_t{0});
  }
  // Room beyond the end of a sequence that owns so many blocks.
  [[nodiscard]] std::int64_t never_used(const SpanSequence& sequence, std::int64_t blocks) const {
    return std::max(blocks * block_size_ - sequence.final_entries(), std::int64_t{0});
  }
  [[nodiscard]] std::int64_t below_threshold(std::int64_t tokens) const {
    return threshold_ > 0 ? std::min(tokens, threshold_) : tokens;
  }

  // What the scenario says.
  EngineId id_;
  Recorder& recorder_;
  VllmV1Spec policy_;
  PagedPool pool_;
  std::unique_ptr<KvCache> empty_kv_;  // the pool's own rules for what can never fit
  DeviceLedger idle_;
  SpanPricer pricer_;
  Bytes bytes_per_token_;
  Tokens max_model_len_;
  Tokens surely_fit_;  // prompt and output together
  std::int64_t block_size_;
  std::int64_t threshold_;
  std::int64_t watermark_;

  // Sequences.
  std::vector<SpanSequence> sequences_;
  std::vector<Slot> spare_slots_;
  SlotQueue fresh_;              // waiting, in order of arrival
  std::vector<Slot> preempted_;  // waiting in front of them, the next one last
  RunningList running_{sequences_};
  std::vector<Slot> prefilling_;  // of the running ones, in order of admission
  DecodeBatch decodes_;           // the others
  std::vector<Slot> leaving_;
  std::vector<Slot> passed_over_;
  PhaseAccount phases_;

  // Sums over them.
  std::int64_t prefilled_ = 0;  // Σ entries of the prefilling ones
  std::int64_t never_ = 0;      // entries of room that will never be used
  std::int64_t free_ = 0;       // blocks

  // The span that runs.
  bool is_busy_ = false;
  bool memory_blocks_ = false;  // somebody, in the step that is decided
  bool queue_turns_ = false;    // the step that is decided leaves the queue in another order
  SpanRecord span_;
  std::int64_t budget_ = 0;
  Duration of_prefills_;
  std::vector<Duration> longer_gaps_;
  std::vector<SpanRecord::LastBlock> last_blocks_;
};

SpanEngine::SpanEngine(EngineId id, const Scenario& scenario, const MemoryPlan& plan,
                       Recorder& recorder)
    : id_(id),
      recorder_(recorder),
      policy_(std::get<VllmV1Spec>(scenario.engine.policy)),
      pool_(paged_pool(std::get<PagedKvSpec>(scenario.engine.kv_cache), kv_pool(scenario, plan))),
      empty_kv_(make_kv_cache(scenario, plan)),
      idle_(idle_ledger(plan, *empty_kv_)),
      pricer_(scenario, plan),
      bytes_per_token_(kv_bytes_per_token(scenario.model, scenario.precision.kv_cache)),
      max_model_len_(scenario.max_model_len()),
      surely_fit_(most_that_surely_fit()),
      block_size_(std::get<PagedKvSpec>(scenario.engine.kv_cache).block_size.count()),
      threshold_(policy_.long_prefill_token_threshold.count()),
      watermark_(pool_.watermark.count()),
      decodes_(sequences_, block_size_),
      free_(pool_.usable.count()) {
  span_.engine = id;
  span_.block = pool_.block;
  span_.idle = &idle_;
  span_.taken = decodes_.takes();
  report_idle(SimTime{});
}

bool SpanEngine::submit(const Request& request, SimTime now) {
  if (request.prompt >= max_model_len_) {
    reject(request, now, EndReason::prompt_too_long);
    return false;
  }
  const Tokens longest = max_model_len_ - request.prompt;
  const Tokens limit = std::min(request.max_output.value_or(longest), longest);
  const Tokens output = std::min(request.output, limit);
  if (request.prompt + output > surely_fit_ && !can_ever_hold(request.prompt, output)) {
    reject(request, now, EndReason::exceeds_pool);
    return false;
  }
  if (spare_slots_.empty()) {
    spare_slots_.push_back(static_cast<Slot>(sequences_.size()));
    sequences_.emplace_back().record.engine = id_;
  }
  const Slot slot = spare_slots_.back();
  spare_slots_.pop_back();
  sequences_[slot].begin(request, output.count());
  phases_.arrive(SequenceId{slot}, request.arrival, now);
  fresh_.push_back(slot);
  return true;
}

bool SpanEngine::can_ever_hold(Tokens prompt, Tokens output) const {
  KvSequence kv;
  kv.prompt = prompt;
  kv.output = output;
  return empty_kv_->can_ever_hold(kv);
}

// Whoever is shorter than a sequence that can be held can be held, too.
Tokens SpanEngine::most_that_surely_fit() const {
  const auto both_fit = [this](Tokens tokens) {
    return can_ever_hold(tokens - Tokens{1}, Tokens{1}) &&
           can_ever_hold(Tokens{1}, tokens - Tokens{1});
  };
  Tokens tokens = max_model_len_;
  while (tokens > Tokens{1} && !both_fit(tokens)) {
    tokens = Tokens{tokens.count() / 2};
  }
  return tokens > Tokens{1} ? tokens : Tokens{0};
}

SimTime SpanEngine::schedule(SimTime now, SimTime horizon) {
  if (is_busy_) {
    return span_.end;
  }
  if (running_.size() == 0 && !somebody_waits()) {
    report_idle(now);
    return SimTime::max();
  }
  span_.num_preempted = 0;
  memory_blocks_ = false;
  queue_turns_ = false;
  serve_running(now);
  // Whoever preempts has no memory to give away.
  if (span_.num_preempted == 0 && somebody_waits()) {
    admit_waiting(now);
  }
  TESSERA_INVARIANT(running_.size() > 0 || span_.num_preempted > 0,
                    "no idle node with runnable work");
  phases_.set_queue_block(memory_blocks_ ? QueueBlock::memory : QueueBlock::slot, now);
  launch(now, horizon);
  return span_.end;
}

// In order of admission, everyone gets the blocks for its tokens; where there are none left, from
// the last. That is as if the last ones had been preempted first, as many as leave enough for those
// in front of them.
void SpanEngine::serve_running(SimTime now) {
  budget_ = policy_.max_num_batched_tokens.count() - decodes_.size();
  std::int64_t needed = plan_chunks() + decodes_.next_blocks();
  while (needed > free_) {
    preempt_last(needed, now);
  }
  free_ -= needed;
  grant_chunks(now);
  never_ += decodes_.take_next_blocks();
}

// The chunks of this step. Returns the blocks that they need.
std::int64_t SpanEngine::plan_chunks() {
  std::int64_t needed = 0;
  for (const Slot slot : prefilling_) {
    SpanSequence& sequence = sequences_[slot];
    sequence.chunk = below_threshold(sequence.target - sequence.entries);
    sequence.is_new = false;
    if (slot == running_.last()) {
      sequence.chunk = std::min(sequence.chunk, budget_);
    }
    budget_ -= sequence.chunk;
    TESSERA_INVARIANT(sequence.chunk > 0 && budget_ >= 0,
                      "only the last running sequence can be cut short by the budget");
    needed += blocks_of(sequence.entries + sequence.chunk) - sequence.blocks;
  }
  return needed;
}

void SpanEngine::grant_chunks(SimTime now) {
  for (const Slot slot : prefilling_) {
    SpanSequence& sequence = sequences_[slot];
    const std::int64_t blocks = blocks_of(sequence.entries + sequence.chunk);
    if (blocks > sequence.blocks) {
      settle_chunk(sequence, now);
      never_ += never_used(sequence, blocks) - never_used(sequence, sequence.blocks);
      sequence.blocks = blocks;
    }
  }
}

void SpanEngine::preempt_last(std::int64_t& needed, SimTime now) {
  const Slot slot = running_.last();
  TESSERA_INVARIANT(slot != nobody, "who needs no memory is not preempted");
  SpanSequence& victim = sequences_[slot];
  running_.remove(slot);
  if (victim.state == State::decoding) {
    needed -= decodes_.takes_next(victim) ? 1 : 0;
    decodes_.leave(slot, now);
    victim.last_token = now;
  } else {
    needed -= blocks_of(victim.entries + victim.chunk) - victim.blocks;
    budget_ += victim.chunk;
    settle_chunk(victim, now);
    prefilled_ -= victim.entries;
    prefilling_.pop_back();
  }
  never_ -= never_used(victim, victim.blocks);
  free_ += victim.blocks;
  victim.blocks = 0;
  victim.entries = 0;
  victim.state = State::waiting;
  ++victim.record.num_preemptions;
  ++span_.num_preempted;
  memory_blocks_ = true;
  preempted_.push_back(slot);
  phases_.move(SequenceId{slot}, Phase::preempted, now);
}

Slot SpanEngine::take_waiting() {
  Slot slot = nobody;
  if (!preempted_.empty()) {
    slot = preempted_.back();
    preempted_.pop_back();
  } else {
    slot = fresh_.front();
    fresh_.pop_front();
  }
  return slot;
}

void SpanEngine::admit_waiting(SimTime now) {
  while (!(preempted_.empty() && fresh_.empty()) && budget_ > 0 &&
         running_.size() < policy_.max_num_seqs) {
    const Slot slot = preempted_.empty() ? fresh_.front() : preempted_.back();
    SpanSequence& sequence = sequences_[slot];
    sequence.chunk = below_threshold(sequence.known());
    if (!policy_.chunked_prefill && sequence.chunk > budget_) {
      if (policy_.version != VllmV1Version::v0_11) {
        break;
      }
      // v0.11 looks for a shorter prompt behind it.
      passed_over_.push_back(take_waiting());
      continue;
    }
    sequence.chunk = std::min(sequence.chunk, budget_);
    if (!admit(slot, now)) {
      break;
    }
    static_cast<void>(take_waiting());
  }
  // One by one to the front: v0.11 leaves them in reversed order, and turns it round in every step.
  queue_turns_ = !passed_over_.empty();
  preempted_.insert(preempted_.end(), passed_over_.begin(), passed_over_.end());
  passed_over_.clear();
}

// Whether there was memory for it.
bool SpanEngine::admit(Slot slot, SimTime now) {
  SpanSequence& sequence = sequences_[slot];
  const bool gate = policy_.reserve_full_prompt && policy_.version != VllmV1Version::v0_11;
  const std::int64_t must_fit = gate ? std::min(sequence.known(), max_model_len_.count()) : 0;
  const std::int64_t kept_free = running_.size() > 0 ? watermark_ : 0;
  if (blocks_of(std::max(sequence.chunk, must_fit)) + kept_free > free_) {
    memory_blocks_ = true;
    return false;
  }
  sequence.state = State::prefilling;
  sequence.is_new = true;
  sequence.target = sequence.known();
  sequence.blocks = blocks_of(sequence.chunk);
  sequence.since = now;
  if (!sequence.record.scheduled) {
    sequence.record.scheduled = now;
  }
  free_ -= sequence.blocks;
  never_ += never_used(sequence, sequence.blocks);
  budget_ -= sequence.chunk;
  running_.push_back(slot);
  prefilling_.push_back(slot);
  phases_.move(SequenceId{slot},
               sequence.record.num_preemptions == 0 ? Phase::prefill : Phase::recomputed, now);
  return true;
}

void SpanEngine::launch(SimTime now, SimTime horizon) {
  StepShape& shape = span_.shape;
  shape = {};
  shape.decode_sequences = decodes_.size();
  shape.sampled_sequences = decodes_.size();
  shape.decode_context = Tokens{decodes_.entries() + decodes_.size()};
  shape_chunks();
  span_.first_iteration = decodes_.iteration();
  span_.start = now;
  span_.queues = queues();
  of_prefills_ = pricer_.price(span_, decodes_.size());
  describe_memory();
  extend_span(now, horizon);
  count_chunks();
  is_busy_ = true;
}

void SpanEngine::shape_chunks() {
  StepShape& shape = span_.shape;
  for (const Slot slot : prefilling_) {
    const SpanSequence& sequence = sequences_[slot];
    const std::int64_t n = sequence.chunk;
    const std::int64_t past = sequence.entries;
    const bool samples = past + n == sequence.target;
    shape.sampled_sequences += samples ? 1 : 0;
    // The last known token alone, of a sequence that has sampled before, is a decode to vLLM.
    if (!sequence.is_new && sequence.generated > 0 && samples && n == 1) {
      ++shape.decode_sequences;
      shape.decode_context += Tokens{past + n};
    } else {
      ++shape.prefill_sequences;
      shape.prefill_tokens += Tokens{n};
      shape.prefill_context += Tokens{past + n};
      shape.prefill_pairs += n * past + n * (n + 1) / 2;
      shape.prefill_squares += n * n;
    }
  }
}

void SpanEngine::describe_memory() {
  const std::int64_t live = decodes_.entries() + prefilled_;
  const std::int64_t unguarded =
      std::max(std::min(watermark_, pool_.usable.count()) - free_, std::int64_t{0});
  span_.live = bytes_per_token_ * live;
  span_.reserved = pool_.block * (pool_.usable.count() - free_);
  span_.never = bytes_per_token_ * never_;
  span_.unguarded = pool_.block * unguarded;
  span_.live_growth = bytes_per_token_ * decodes_.size();
  span_.free_blocks = Blocks{free_};
}

// Where everyone decodes and nothing was preempted: to the next who leaves, to the first boundary
// that an arrival could be seen at, or to the last step that there are spare blocks for, whichever
// comes first. Who waits goes on waiting: the running ones only take memory, and their number and
// the budget that they leave stay as they are.
void SpanEngine::extend_span(SimTime now, SimTime horizon) {
  const bool repeats = prefilling_.empty() && span_.num_preempted == 0 && !queue_turns_;
  std::int64_t steps = repeats ? decodes_.steps_to_next_end() : 1;
  if (steps > 1 && horizon < SimTime::max()) {
    steps = span_.durations.terms_to_last(horizon - now, steps);
  }
  const DecodeBatch::Taken taken = decodes_.run(steps, spare_blocks(), span_.durations, now);
  const std::int64_t length = span_.durations.sum_of_few(taken.steps);
  span_.num_steps = taken.steps;
  span_.step_moment = taken.steps > 1 ? span_.durations.moment_of_few(taken.steps) : 0;
  span_.end = now + Duration::picoseconds(length);
  span_.num_taken = taken.blocks;
  span_.taken_moment = taken.blocks > 0 ? Int128{length} * taken.blocks - taken.moment : 0;
  take_last_blocks();
}

void SpanEngine::take_last_blocks() {
  last_blocks_.clear();
  span_.never_moment = 0;
  if (span_.num_taken > 0) {
    const std::int64_t length = span_.durations.sum_of_few(span_.num_steps);
    for (const DecodeBatch::LastBlock& last : decodes_.take_last_blocks(span_.num_steps)) {
      const Bytes never = bytes_per_token_ * last.never;
      last_blocks_.push_back({last.step, never});
      span_.never_moment += Int128{length - span_.durations.sum_of_few(last.step)} * never.count();
      never_ += last.never;
    }
  }
  span_.last_blocks = last_blocks_;
}

// What this step's chunks mean for the totals.
void SpanEngine::count_chunks() {
  span_.continuing = decodes_.size();
  span_.first_prompts = 0;
  span_.recomputed_tokens = 0;
  longer_gaps_.clear();
  for (const Slot slot : prefilling_) {
    SpanSequence& sequence = sequences_[slot];
    const std::int64_t entries = sequence.entries + sequence.chunk;
    span_.recomputed_tokens +=
        std::max(std::int64_t{0}, std::min(entries, sequence.most_entries) - sequence.entries);
    if (entries < sequence.target) {
      continue;
    }
    if (sequence.generated > 0) {
      longer_gaps_.push_back(span_.end - sequence.last_token);
    } else {
      span_.first_prompts += sequence.prompt();
    }
  }
  span_.longer_gaps = longer_gaps_;
}

void SpanEngine::end_step(SimTime now, const std::function<void(const Request&)>& on_end) {
  TESSERA_INVARIANT(busy() && busy_until() == now, "a span ends when its time is over");
  phases_.end_step(span_.start, span_.end, of_prefills_);
  recorder_.on_span(span_);
  is_busy_ = false;
  free_ -= span_.num_taken;
  const auto time = static_cast<std::int64_t>((now - span_.start).picoseconds());
  decodes_.end(span_.num_steps, span_.step_moment, time, leaving_);
  end_chunks(now);
  if (leaving_.size() > 1) {
    std::sort(leaving_.begin(), leaving_.end(),
              [this](Slot a, Slot b) { return sequences_[a].order < sequences_[b].order; });
  }
  for (const Slot slot : leaving_) {
    leave(slot, now, on_end);
  }
  leaving_.clear();
}

void SpanEngine::end_chunks(SimTime now) {
  std::size_t kept = 0;
  for (const Slot slot : prefilling_) {
    SpanSequence& sequence = sequences_[slot];
    settle_chunk(sequence, now);
    sequence.entries += sequence.chunk;
    sequence.most_entries = std::max(sequence.most_entries, sequence.entries);
    prefilled_ += sequence.chunk;
    if (sequence.entries < sequence.target) {
      prefilling_[kept++] = slot;
      continue;
    }
    ++sequence.generated;
    sequence.last_token = now;
    if (!sequence.record.first_token) {
      sequence.record.first_token = now;
    }
    prefilled_ -= sequence.entries;
    phases_.move(SequenceId{slot}, Phase::decode, now);
    decodes_.join(slot, now);
    if (sequence.entries == sequence.final_entries()) {
      leaving_.push_back(slot);
    }
  }
  prefilling_.resize(kept);
}

// What a prefilling sequence has held since it was last looked at.
void SpanEngine::settle_chunk(SpanSequence& sequence, SimTime now) {
  const Int128 time = (now - sequence.since).picoseconds();
  sequence.wasted += time * (sequence.blocks * block_size_ - sequence.entries);
  sequence.most_blocks = std::max(sequence.most_blocks, sequence.blocks);
  sequence.since = now;
}

void SpanEngine::leave(Slot slot, SimTime now, const std::function<void(const Request&)>& on_end) {
  SpanSequence& sequence = sequences_[slot];
  running_.remove(slot);
  decodes_.leave(slot, now);
  never_ -= never_used(sequence, sequence.blocks);
  free_ += sequence.blocks;
  RequestRecord& record = sequence.record;
  const bool is_cut = sequence.output < record.request.output.count();
  record.reason = is_cut ? EndReason::length : EndReason::none;
  record.ended = now;
  record.output = Tokens{sequence.generated};
  record.kv_peak_written = bytes_per_token_ * sequence.most_entries;
  record.kv_peak_reserved = pool_.block * sequence.most_blocks;
  record.kv_wasted_byte_picoseconds = sequence.wasted * bytes_per_token_.count();
  record.phases = phases_.close(SequenceId{slot}, now);
  recorder_.on_request_end(record);
  spare_slots_.push_back(slot);
  on_end(record.request);
}

void SpanEngine::reject(const Request& request, SimTime now, EndReason reason) {
  RequestRecord record;
  record.request = request;
  record.engine = id_;
  record.status = RequestStatus::rejected;
  record.reason = reason;
  record.ended = now;
  recorder_.on_request_end(record);
}

void SpanEngine::report_idle(SimTime now) {
  UsageRecord record;
  record.engine = id_;
  record.time = now;
  record.ledger = idle_;
  recorder_.on_usage(record);
}

}  // namespace

std::unique_ptr<ServingEngine> make_span_engine(EngineId id, const Scenario& scenario,
                                                const MemoryPlan& plan, Recorder& recorder) {
  return std::make_unique<SpanEngine>(id, scenario, plan, recorder);
}

}  // namespace tessera
