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
#include "sim/engine/last_blocks.hpp"
#include "sim/engine/phase_clocks.hpp"
#include "sim/engine/running_list.hpp"
#include "sim/engine/slot_queue.hpp"
#include "sim/engine/span_pricer.hpp"
#include "sim/engine/span_report.hpp"
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

class SpanEngine final : public ServingEngine {
 public:
  SpanEngine(EngineId id, const Scenario& scenario, const MemoryPlan& plan, Recorder& recorder);

  [[nodiscard]] bool submit(const Request& request, SimTime now) override;
  SimTime schedule(SimTime now, SimTime horizon) override;
  void end_step(SimTime now, const std::function<void(const Request&)>& on_end) override;
  // One function, as it is all that a run of one engine does.
  [[gnu::flatten]] SimTime run(RequestSource& source) override { return run_alone(*this, source); }
  void finish() override;

  [[nodiscard]] bool busy() const override { return is_busy_; }
  [[nodiscard]] SimTime busy_until() const override { return end_; }
  [[nodiscard]] std::int64_t iterations() const override { return decodes_.iteration(); }
  [[nodiscard]] Bytes kv_reserved() const override {
    return pool_.block * (pool_.usable.count() - free_);
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
  struct SpanLength {
    std::int64_t steps = 1;
    std::int64_t blocks = 0;  // that all but the first of them take
    std::int64_t picoseconds = 0;
  };
  [[nodiscard]] SpanLength launch_decodes(SimTime now, SimTime horizon);
  [[nodiscard]] SpanLength launch_mixed(SimTime now);
  void begin_span(const SpanLength& span, SimTime now);
  [[nodiscard]] StepShape shape_of_decodes() const;
  [[nodiscard]] StepShape shape_with_chunks() const;

  // Ending it.
  void end_chunks(SimTime now);
  void end_prefill(Slot slot, SimTime now);
  void settle_chunk(SpanSequence& sequence, SimTime now);
  void make_room_for_sums(std::int64_t steps, std::int64_t picoseconds, SimTime now);
  void leave_decodes(Slot slot, SimTime now);
  void give_back(SpanSequence& sequence);
  void leave(Slot slot, SimTime now, const std::function<void(const Request&)>& on_end);
  void reject(const Request& request, SimTime now, EndReason reason);
  [[nodiscard]] bool can_ever_hold(Tokens prompt, Tokens output) const;
  [[nodiscard]] Tokens most_that_surely_fit() const;
  void report_idle(SimTime now);

  // Telling of it, to a recorder that looks into spans.
  void begin_report(SimTime now, const StepShape& shape);
  [[nodiscard]] std::int64_t first_prompts() const;
  [[nodiscard]] std::int64_t entries_of_chunks() const;

  [[nodiscard]] QueueSizes queues() const {
    return {.running = running_.size(), .waiting = num_waiting_};
  }

  [[nodiscard]] std::int64_t blocks_of(std::int64_t entries) const {
    return (entries + block_size_ - 1) / block_size_;
  }
  // Blocks that a span may take without touching what the watermark guards, so that the guarded
  // ones stay as many as they are.
  [[nodiscard]] std::int64_t spare_blocks() const {
    return std::max(free_ - watermark_, std::int64_t{0});
  }
  // Of the watermark's blocks, in use.
  [[nodiscard]] std::int64_t unguarded_blocks() const {
    return std::max(std::min(watermark_, pool_.usable.count()) - free_, std::int64_t{0});
  }
  // Room beyond the end of a sequence, in the blocks that it owns.
  [[nodiscard]] std::int64_t never_used(const SpanSequence& sequence) const {
    return sequence.never_used(sequence.blocks * block_size_);
  }
  [[nodiscard]] std::int64_t below_threshold(std::int64_t tokens) const {
    return threshold_ > 0 ? std::min(tokens, threshold_) : tokens;
  }

  // What the scenario says.
  EngineId id_;
  Recorder& recorder_;
  Distribution* gaps_;  // between tokens; null: nobody wants them
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
  std::int64_t num_waiting_ = 0;
  RunningList running_{sequences_};
  std::vector<Slot> prefilling_;  // of the running ones, in order of admission
  DecodeBatch decodes_;           // the others
  std::vector<Slot> leaving_;
  std::vector<Slot> passed_over_;
  PhaseClocks phases_;

  std::int64_t free_ = 0;  // blocks

  // The step that is decided.
  std::int64_t budget_ = 0;
  std::int64_t num_preempted_ = 0;
  bool memory_blocks_ = false;  // somebody
  bool queue_turns_ = false;    // it leaves the queue in another order

  // The span that runs.
  bool is_busy_ = false;
  SimTime end_;

  SpanSums sums_;
  KvHeld held_;                         // by those who have given it back
  Int128 unguarded_ = 0;                // ∫ of blocks
  std::int64_t least_free_ = 0;         // blocks, ever
  std::unique_ptr<SpanReport> report_;  // to a recorder that looks into spans
  SpanPricer::Mixed mixed_;
};

SpanEngine::SpanEngine(EngineId id, const Scenario& scenario, const MemoryPlan& plan,
                       Recorder& recorder)
    : id_(id),
      recorder_(recorder),
      gaps_(recorder.gaps()),
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
      free_(pool_.usable.count()),
      least_free_(free_) {
  sums_.engine = id;
  if (recorder.looks_into_spans()) {
    report_ = std::make_unique<SpanReport>(id, idle_, pool_, bytes_per_token_, decodes_, sequences_,
                                           block_size_);
  }
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
    decodes_.reserve(sequences_.size());
  }
  const Slot slot = spare_slots_.back();
  spare_slots_.pop_back();
  sequences_[slot].begin(request, output.count(), phases_, now);
  fresh_.push_back(slot);
  ++num_waiting_;
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
    return end_;
  }
  if (running_.size() == 0 && num_waiting_ == 0) {
    if (report_) {
      report_idle(now);
    }
    return SimTime::max();
  }
  num_preempted_ = 0;
  memory_blocks_ = false;
  queue_turns_ = false;
  serve_running(now);
  // Whoever preempts has no memory to give away.
  if (num_waiting_ > 0 && num_preempted_ == 0) {
    admit_waiting(now);
  }
  TESSERA_INVARIANT(running_.size() > 0 || num_preempted_ > 0, "no idle node with runnable work");
  phases_.set_queue_block(memory_blocks_ ? QueueBlock::memory : QueueBlock::slot, now);
  const bool decodes_only = prefilling_.empty() && decodes_.size() > 0;
  begin_span(decodes_only ? launch_decodes(now, horizon) : launch_mixed(now), now);
  return end_;
}

// In order of admission, everyone gets the blocks for its tokens; where there are none left, from
// the last. That is as if the last ones had been preempted first, as many as leave enough for those
// in front of them.
void SpanEngine::serve_running(SimTime now) {
  budget_ = policy_.max_num_batched_tokens.count() - decodes_.size();
  std::int64_t needed = decodes_.next_blocks();
  if (!prefilling_.empty()) {
    needed += plan_chunks();
  }
  while (needed > free_) {
    preempt_last(needed, now);
  }
  free_ -= needed;
  if (!prefilling_.empty()) {
    grant_chunks(now);
  }
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
      if (report_) {
        report_->add_never(sequence.never_used(blocks * block_size_) - never_used(sequence));
      }
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
    victim.end_decoding(phases_, now);
    needed -= decodes_.takes_next(victim) ? 1 : 0;
    leave_decodes(slot, now);
    victim.last_token = now;
  } else {
    needed -= blocks_of(victim.entries + victim.chunk) - victim.blocks;
    budget_ += victim.chunk;
    settle_chunk(victim, now);
    victim.end_prefilling(phases_, now);
    prefilling_.pop_back();
  }
  give_back(victim);
  victim.entries = 0;
  victim.state = State::waiting;
  ++victim.record.num_preemptions;
  ++num_preempted_;
  ++sums_.preemptions;
  memory_blocks_ = true;
  preempted_.push_back(slot);
  ++num_waiting_;
}

Slot SpanEngine::take_waiting() {
  --num_waiting_;
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
  while (running_.size() < policy_.max_num_seqs && budget_ > 0 && num_waiting_ > 0) {
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
  if (queue_turns_) {
    num_waiting_ += static_cast<std::int64_t>(passed_over_.size());
    preempted_.insert(preempted_.end(), passed_over_.begin(), passed_over_.end());
    passed_over_.clear();
  }
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
  sequence.since = ticks_of(now);
  sequence.end_waiting(phases_, now);
  free_ -= sequence.blocks;
  if (report_) {
    report_->add_never(never_used(sequence));
  }
  budget_ -= sequence.chunk;
  running_.push_back(slot);
  sums_.max_running = std::max(sums_.max_running, running_.size());
  prefilling_.push_back(slot);
  return true;
}

// Where nothing was preempted: to the next who leaves, to the first boundary that an arrival could
// be seen at, or to the last step that there are spare blocks for, whichever comes first. Who waits
// goes on waiting: the running ones only take memory, and their number and the budget that they
// leave stay as they are.
SpanEngine::SpanLength SpanEngine::launch_decodes(SimTime now, SimTime horizon) {
  const std::int64_t decoding = decodes_.size();
  SpanPricer::Decodes& price = pricer_.decodes(decoding);
  const DurationSeries durations = pricer_.series(price, decodes_.entries() + decoding);
  const bool repeats = num_preempted_ == 0 && !queue_turns_;
  SpanLength span;
  if (repeats) {
    span.steps = decodes_.steps_with_blocks(decodes_.steps_to_next_end(), spare_blocks());
    span.steps = std::min(span.steps, DecodeBatch::most_steps(durations.term(span.steps)));
  }
  span.picoseconds = durations.sum_of_few(span.steps);
  if (span.steps > 1 && span.picoseconds > (horizon - now).picoseconds()) {
    span.steps = durations.terms_to_last(horizon - now, span.steps);
    span.picoseconds = durations.sum_of_few(span.steps);
  }
  make_room_for_sums(span.steps, span.picoseconds, now);
  if (report_) {
    begin_report(now, shape_of_decodes());
    report_->set_price(pricer_, price, durations);
  }
  span.blocks = decodes_.advance(span.steps, durations, ticks_of(now));
  if (gaps_ != nullptr) {
    gaps_->add(durations, span.steps, span.picoseconds, decoding);
  }
  SpanPricer::count(price, span.steps, span.picoseconds);
  return span;
}

// Somebody prefills: one step.
SpanEngine::SpanLength SpanEngine::launch_mixed(SimTime now) {
  const StepShape shape = shape_with_chunks();
  const SpanPricer::Mixed price = pricer_.mixed(shape);
  if (report_) {
    mixed_ = price;
    begin_report(now, shape);
    report_->set_price(pricer_, mixed_);
  }
  make_room_for_sums(1, price.total, now);
  decodes_.step(ticks_of(now));
  if (gaps_ != nullptr && decodes_.size() > 0) {
    gaps_->add(Duration::picoseconds(price.total), decodes_.size());
  }
  pricer_.count(price, running_.size());
  phases_.end_step(now, now + Duration::picoseconds(price.total), price.of_prefills);
  return {.steps = 1, .blocks = 0, .picoseconds = price.total};
}

StepShape SpanEngine::shape_of_decodes() const {
  StepShape shape;
  shape.decode_sequences = decodes_.size();
  shape.sampled_sequences = decodes_.size();
  shape.decode_context = Tokens{decodes_.entries() + decodes_.size()};
  return shape;
}

StepShape SpanEngine::shape_with_chunks() const {
  StepShape shape = shape_of_decodes();
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
  return shape;
}

// What sequences hold is summed up when they give it back.
void SpanEngine::begin_span(const SpanLength& span, SimTime now) {
  is_busy_ = true;
  end_ = now + Duration::picoseconds(span.picoseconds);
  ++sums_.spans;
  if (num_waiting_ == 0) {
    sums_.time_at[static_cast<std::size_t>(Limit::arrivals)] += span.picoseconds;
  } else {
    const Limit limit = limit_of(queues(), policy_.max_num_seqs);
    sums_.time_at[static_cast<std::size_t>(limit)] += span.picoseconds;
    sums_.waiting += Int128{span.picoseconds} * num_waiting_;
  }
  if (free_ < watermark_) {
    unguarded_ += Int128{span.picoseconds} * unguarded_blocks();
  }
  free_ -= span.blocks;
  least_free_ = std::min(least_free_, free_);
  if (report_) {
    report_->set_length(span.steps, span.blocks, end_);
  }
}

void SpanEngine::end_step(SimTime now, const std::function<void(const Request&)>& on_end) {
  TESSERA_INVARIANT(busy() && busy_until() == now, "a span ends when its time is over");
  if (report_) {
    recorder_.on_span(report_->span());
  }
  is_busy_ = false;
  decodes_.take_ends(leaving_);
  if (!prefilling_.empty()) {
    end_chunks(now);
  }
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
    const std::int64_t entries = sequence.entries + sequence.chunk;
    if (sequence.most_entries > sequence.entries) {
      sums_.recomputed_tokens += std::min(entries, sequence.most_entries) - sequence.entries;
    }
    sequence.entries = entries;
    sequence.most_entries = std::max(sequence.most_entries, entries);
    if (entries < sequence.target) {
      prefilling_[kept++] = slot;
    } else {
      end_prefill(slot, now);
    }
  }
  prefilling_.resize(kept);
}

// It has computed all that it knows of, and samples.
void SpanEngine::end_prefill(Slot slot, SimTime now) {
  SpanSequence& sequence = sequences_[slot];
  if (sequence.generated > 0 && gaps_ != nullptr) {
    gaps_->add(now - sequence.last_token);
  }
  ++sequence.generated;
  sequence.last_token = now;
  if (!sequence.record.first_token) {
    sequence.record.first_token = now;
  }
  sequence.end_prefilling(phases_, now);
  decodes_.join(slot, ticks_of(now));
  if (report_) {
    report_->join(slot);
  }
  if (sequence.entries == sequence.final_entries) {
    leaving_.push_back(slot);
  }
}

// What a prefilling sequence has held since it was last looked at.
void SpanEngine::settle_chunk(SpanSequence& sequence, SimTime now) {
  const auto time = static_cast<std::int64_t>(ticks_of(now) - sequence.since);
  const std::int64_t never = never_used(sequence);
  held_.entries += Int128{time} * sequence.entries;
  held_.blocks += Int128{time} * sequence.blocks;
  if (never > 0) {
    held_.never += Int128{time} * never;
  }
  sequence.wasted += Int128{time} * (sequence.blocks * block_size_ - sequence.entries);
  sequence.most_blocks = std::max(sequence.most_blocks, sequence.blocks);
  sequence.since = ticks_of(now);
}

// Settles all decodes where sums over so many more steps would need more than 64 bits.
void SpanEngine::make_room_for_sums(std::int64_t steps, std::int64_t picoseconds, SimTime now) {
  if (decodes_.sums_fit(steps, picoseconds, ticks_of(now))) {
    return;
  }
  for (Slot slot = running_.last(); slot != nobody; slot = sequences_[slot].before) {
    if (sequences_[slot].state == State::decoding) {
      decodes_.settle(sequences_[slot], ticks_of(now), held_);
    }
  }
  decodes_.note_settled(ticks_of(now));
}

void SpanEngine::leave_decodes(Slot slot, SimTime now) {
  decodes_.leave(slot, ticks_of(now), held_);
  if (report_) {
    report_->leave(slot);
  }
}

void SpanEngine::give_back(SpanSequence& sequence) {
  if (report_) {
    report_->add_never(-never_used(sequence));
  }
  free_ += sequence.blocks;
  sequence.blocks = 0;
}

void SpanEngine::leave(Slot slot, SimTime now, const std::function<void(const Request&)>& on_end) {
  SpanSequence& sequence = sequences_[slot];
  running_.remove(slot);
  leave_decodes(slot, now);
  give_back(sequence);
  RequestRecord& record = sequence.record;
  const bool is_cut = sequence.output < record.request.output.count();
  record.reason = is_cut ? EndReason::length : EndReason::none;
  record.ended = now;
  record.output = Tokens{sequence.generated};
  record.kv_peak_written = bytes_per_token_ * sequence.most_entries;
  record.kv_peak_reserved = pool_.block * sequence.most_blocks;
  record.kv_wasted_byte_picoseconds = sequence.wasted * bytes_per_token_.count();
  sequence.end_decoding(phases_, now);
  recorder_.on_request_end(record);
  spare_slots_.push_back(slot);
  on_end(record.request);
}

void SpanEngine::begin_report(SimTime now, const StepShape& shape) {
  report_->begin(now, shape,
                 {.entries = decodes_.entries() + entries_of_chunks(),
                  .free = free_,
                  .unguarded = unguarded_blocks()});
  SpanRecord& span = report_->span();
  span.queues = queues();
  span.num_preempted = num_preempted_;
  span.first_prompts = first_prompts();
}

std::int64_t SpanEngine::entries_of_chunks() const {
  std::int64_t sum = 0;
  for (const Slot slot : prefilling_) {
    sum += sequences_[slot].entries;
  }
  return sum;
}

// Prompt tokens of those who will sample for the first time.
std::int64_t SpanEngine::first_prompts() const {
  std::int64_t sum = 0;
  for (const Slot slot : prefilling_) {
    const SpanSequence& sequence = sequences_[slot];
    const bool samples = sequence.entries + sequence.chunk == sequence.target;
    sum += samples && sequence.generated == 0 ? sequence.prompt() : 0;
  }
  return sum;
}

// Whatever ran has ended.
void SpanEngine::finish() {
  sums_.iterations = decodes_.iteration();
  const SpanPricer::Counted counted = pricer_.counted();
  sums_.time = counted.time;
  sums_.workspace = counted.workspace;
  sums_.running = counted.running;
  sums_.live = held_.entries * bytes_per_token_.count();
  sums_.reserved = held_.blocks * pool_.block.count();
  sums_.never = held_.never * bytes_per_token_.count();
  sums_.unguarded = unguarded_ * pool_.block.count();
  sums_.peak_reserved = idle_.kv.reserved() + pool_.block * (pool_.usable.count() - least_free_);
  recorder_.on_sums(sums_);
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
