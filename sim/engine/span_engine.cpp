// vLLM v1's scheduler on paged KV, in spans: what decides nothing is not looked at.
//
// All decoding sequences grow by an entry a step, so each is kept as a key (its entries less the
// iteration), and the batch as the number and the sum of the keys. What changes at one iteration
// waits there in a ring: who leaves, and who takes its last block. Who takes a block at which
// iteration is counted by the iteration modulo the block size. Integrals over time (of what a
// sequence holds, of what the pool holds) are differences of clocks that move with every span.
//
// Every running sequence computes in every step, and all but the last of them as much as it may:
// whoever was served in one step needs no more in the next, and only the last one can have been cut
// short by the budget. So a step is the decodes, and the few who prefill.
#include "sim/engine/span_engine.hpp"

#include <algorithm>
#include <deque>
#include <vector>

#include "sim/engine/engine.hpp"
#include "sim/engine/event_ring.hpp"
#include "sim/engine/phase_account.hpp"
#include "sim/engine/span_sequence.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/engine/simulate.hpp"
#include "tessera/memory/paged_pool.hpp"
#include "tessera/memory/workspace.hpp"

namespace tessera {
namespace {

using Slot = std::uint32_t;
using State = SpanSequence::State;
constexpr Slot nobody = EventRing::nobody;

// The running sequences in order of admission, linked through themselves.
class RunningList {
 public:
  explicit RunningList(std::vector<SpanSequence>& all) : all_(all) {}

  void push_back(Slot slot) {
    SpanSequence& sequence = all_[slot];
    sequence.order = ++orders_;
    sequence.before = last_;
    sequence.behind = nobody;
    if (last_ != nobody) {
      all_[last_].behind = slot;
    }
    last_ = slot;
    ++size_;
  }
  void remove(Slot slot) {
    const SpanSequence& sequence = all_[slot];
    if (sequence.before != nobody) {
      all_[sequence.before].behind = sequence.behind;
    }
    if (sequence.behind != nobody) {
      all_[sequence.behind].before = sequence.before;
    } else {
      last_ = sequence.before;
    }
    --size_;
  }
  [[nodiscard]] Slot last() const { return last_; }
  [[nodiscard]] std::int64_t size() const { return size_; }

 private:
  std::vector<SpanSequence>& all_;
  Slot last_ = nobody;
  std::int64_t size_ = 0;
  std::int64_t orders_ = 0;
};

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
  void schedule(SimTime now, SimTime horizon) override;
  void end_step(SimTime now, const std::function<void(const Request&)>& on_end) override;

  [[nodiscard]] bool busy() const override { return is_busy_; }
  [[nodiscard]] SimTime busy_until() const override { return span_.end; }
  [[nodiscard]] std::int64_t iterations() const override { return iteration_; }
  [[nodiscard]] Bytes kv_reserved() const override {
    return pool_.block * (pool_.usable.count() - free_);
  }

 private:
  // What a batch of so many decodes takes before its context is counted.
  struct DecodeCost {
    StepTime time;
    std::int64_t total = 0;  // of it, in picoseconds
    Bytes workspace{0};
    bool is_known = false;
  };

  // Deciding a step.
  void serve_running(SimTime now);
  [[nodiscard]] std::int64_t plan_chunks();
  void preempt_last(std::int64_t& needed, SimTime now);
  void admit_waiting(SimTime now);
  [[nodiscard]] bool admit(Slot slot, SimTime now);
  [[nodiscard]] Slot take_waiting();

  // Running it, and as many like it as may be.
  void launch(SimTime now, SimTime horizon);
  void shape_chunks();
  void price();
  [[nodiscard]] Duration time_of_prefills();
  const DecodeCost& decode_cost(std::int64_t sequences);
  void extend_span(SimTime now, SimTime horizon);
  [[nodiscard]] std::int64_t take_blocks_in_turn(std::int64_t steps, SimTime now);
  void take_blocks_at_once(std::int64_t steps, SimTime now);
  void count_chunks();

  // Ending it.
  void end_chunks(SimTime now);
  void begin_decoding(Slot slot, SimTime now);
  void wait_for_event(Slot slot);
  void handle_events();
  void stop_decoding(Slot slot, SimTime now);
  void settle_chunk(SpanSequence& sequence, SimTime now);
  void leave(Slot slot, SimTime now, const std::function<void(const Request&)>& on_end);
  void reject(const Request& request, SimTime now, EndReason reason);

  void describe_memory();
  void report_idle(SimTime now);
  [[nodiscard]] Bytes workspace_of(const StepShape& shape) const;
  [[nodiscard]] QueueSizes queues() const {
    return {.running = running_.size(),
            .waiting = static_cast<std::int64_t>(preempted_.size() + fresh_.size())};
  }

  [[nodiscard]] std::int64_t blocks_of(std::int64_t entries) const {
    return (entries + block_size_ - 1) / block_size_;
  }
  [[nodiscard]] std::int64_t residue_of(std::int64_t iteration) const {
    return iteration % block_size_;
  }
  // The residue of the iterations at which a decoding sequence takes a block.
  [[nodiscard]] std::size_t take_residue(const SpanSequence& sequence) const {
    const std::int64_t over = sequence.key % block_size_;
    return static_cast<std::size_t>(over > 0 ? block_size_ - over : -over);
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
  const Scenario& scenario_;
  Recorder& recorder_;
  VllmV1Spec policy_;
  MemoryPlan plan_;
  PagedPool pool_;
  std::unique_ptr<KvCache> empty_kv_;  // the pool's own rules for what can never fit
  DeviceLedger idle_;
  std::unique_ptr<CostModel> cost_;
  StepTime context_price_;
  std::int64_t context_price_total_;  // picoseconds
  Bytes bytes_per_token_;
  Tokens max_model_len_;
  StepWorkspace step_workspace_;
  Tokens profile_tokens_;
  std::int64_t profile_sequences_;
  std::int64_t block_size_;
  std::int64_t threshold_;
  std::int64_t watermark_;

  // Sequences.
  std::vector<SpanSequence> sequences_;
  std::vector<Slot> spare_slots_;
  std::deque<Slot> fresh_;       // waiting, in order of arrival
  std::vector<Slot> preempted_;  // waiting in front of them, the next one last
  RunningList running_{sequences_};
  std::vector<Slot> prefilling_;   // of the running ones, in order of admission
  std::vector<Slot> last_blocks_;  // who takes its last block in the next step
  std::vector<Slot> events_;       // of the iteration that has come
  std::vector<Slot> leaving_;
  std::vector<Slot> passed_over_;
  EventRing ring_;
  PhaseAccount phases_;

  // Sums over them.
  std::int64_t decoding_ = 0;
  std::int64_t keys_ = 0;            // Σ of the decoding ones'
  std::int64_t prefilled_ = 0;       // Σ entries of the prefilling ones
  std::int64_t never_ = 0;           // entries of room that will never be used
  std::int64_t free_ = 0;            // blocks
  std::vector<std::int64_t> takes_;  // decoding ones that take a block, by iteration mod block size

  // Clocks, at the start of `iteration_`.
  std::int64_t iteration_ = 0;
  Int128 entry_clock_ = 0;           // Σ iteration · its step's time
  std::vector<Int128> take_clocks_;  // Σ of the times of the iterations of a residue, while someone
                                     // takes blocks at them

  // The span that runs.
  bool is_busy_ = false;
  bool memory_blocks_ = false;  // somebody, in the step that is decided
  bool queue_turns_ = false;    // the step that is decided leaves the queue in another order
  SpanRecord span_;
  std::int64_t budget_ = 0;
  StepTime mixed_time_;  // of a step that does not only decode
  Duration of_prefills_;
  std::vector<Duration> longer_gaps_;
  std::vector<DecodeCost> decode_costs_;  // by sequences
};

SpanEngine::SpanEngine(EngineId id, const Scenario& scenario, const MemoryPlan& plan,
                       Recorder& recorder)
    : id_(id),
      scenario_(scenario),
      recorder_(recorder),
      policy_(std::get<VllmV1Spec>(scenario.engine.policy)),
      plan_(plan),
      pool_(paged_pool(std::get<PagedKvSpec>(scenario.engine.kv_cache), kv_pool(scenario, plan))),
      empty_kv_(make_kv_cache(scenario, plan)),
      idle_(idle_ledger(plan, *empty_kv_)),
      cost_(make_cost_model(scenario)),
      context_price_(cost_->per_context_token().value()),
      context_price_total_(static_cast<std::int64_t>(context_price_.total().picoseconds())),
      bytes_per_token_(kv_bytes_per_token(scenario.model, scenario.precision.kv_cache)),
      max_model_len_(scenario.max_model_len()),
      step_workspace_(step_workspace(scenario)),
      profile_tokens_(profile_tokens(scenario)),
      profile_sequences_(profile_sequences(scenario)),
      block_size_(std::get<PagedKvSpec>(scenario.engine.kv_cache).block_size.count()),
      threshold_(policy_.long_prefill_token_threshold.count()),
      watermark_(pool_.watermark.count()),
      free_(pool_.usable.count()),
      takes_(static_cast<std::size_t>(block_size_), 0),
      take_clocks_(static_cast<std::size_t>(block_size_), 0) {
  span_.engine = id;
  span_.block = pool_.block;
  span_.idle = &idle_;
  span_.context_price = &context_price_;
  report_idle(SimTime{});
}

bool SpanEngine::submit(const Request& request, SimTime now) {
  if (request.prompt >= max_model_len_) {
    reject(request, now, EndReason::prompt_too_long);
    return false;
  }
  const Tokens longest = max_model_len_ - request.prompt;
  const Tokens limit = std::min(request.max_output.value_or(longest), longest);
  KvSequence kv;
  kv.prompt = request.prompt;
  kv.output = std::min(request.output, limit);
  if (!empty_kv_->can_ever_hold(kv)) {
    reject(request, now, EndReason::exceeds_pool);
    return false;
  }
  if (spare_slots_.empty()) {
    spare_slots_.push_back(static_cast<Slot>(sequences_.size()));
    sequences_.emplace_back();
  }
  const Slot slot = spare_slots_.back();
  spare_slots_.pop_back();
  sequences_[slot] = SpanSequence{};
  sequences_[slot].request = request;
  sequences_[slot].output = kv.output.count();
  phases_.arrive(SequenceId{slot}, request.arrival, now);
  fresh_.push_back(slot);
  return true;
}

void SpanEngine::schedule(SimTime now, SimTime horizon) {
  if (is_busy_) {
    return;
  }
  if (queues().empty()) {
    report_idle(now);
    return;
  }
  span_.num_preempted = 0;
  memory_blocks_ = false;
  queue_turns_ = false;
  serve_running(now);
  // Whoever preempts has no memory to give away.
  if (span_.num_preempted == 0) {
    admit_waiting(now);
  }
  TESSERA_INVARIANT(running_.size() > 0 || span_.num_preempted > 0,
                    "no idle node with runnable work");
  phases_.set_queue_block(memory_blocks_ ? QueueBlock::memory : QueueBlock::slot, now);
  launch(now, horizon);
}

// In order of admission, everyone gets the blocks for its tokens; where there are none left, from
// the last. That is as if the last ones had been preempted first, as many as leave enough for those
// in front of them.
void SpanEngine::serve_running(SimTime now) {
  budget_ = policy_.max_num_batched_tokens.count() - decoding_;
  std::int64_t needed = plan_chunks() + takes_[static_cast<std::size_t>(residue_of(iteration_))];
  while (needed > free_) {
    preempt_last(needed, now);
  }
  free_ -= needed;
  for (const Slot slot : prefilling_) {
    SpanSequence& sequence = sequences_[slot];
    const std::int64_t blocks = blocks_of(sequence.entries + sequence.chunk);
    if (blocks > sequence.blocks) {
      settle_chunk(sequence, now);
      never_ += never_used(sequence, blocks) - never_used(sequence, sequence.blocks);
      sequence.blocks = blocks;
    }
  }
  for (const Slot slot : last_blocks_) {
    SpanSequence& sequence = sequences_[slot];
    if (sequence.state == State::decoding) {
      never_ += never_used(sequence, blocks_of(sequence.final_entries()));
      sequence.takes_last_block = false;
      sequence.event = sequence.final_entries() - sequence.key;
      ring_.insert(slot, sequence.event, iteration_);
    }
  }
  last_blocks_.clear();
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

void SpanEngine::preempt_last(std::int64_t& needed, SimTime now) {
  const Slot slot = running_.last();
  TESSERA_INVARIANT(slot != nobody, "who needs no memory is not preempted");
  SpanSequence& victim = sequences_[slot];
  running_.remove(slot);
  if (victim.state == State::decoding) {
    needed -= (victim.key + iteration_) % block_size_ == 0 ? 1 : 0;
    if (!victim.takes_last_block || victim.event > iteration_) {
      ring_.remove(slot);
    }
    stop_decoding(slot, now);
    victim.last_token = now;
    never_ -= never_used(victim, victim.blocks);
  } else {
    needed -= blocks_of(victim.entries + victim.chunk) - victim.blocks;
    budget_ += victim.chunk;
    settle_chunk(victim, now);
    never_ -= never_used(victim, victim.blocks);
    prefilled_ -= victim.entries;
    prefilling_.pop_back();
  }
  free_ += victim.blocks;
  victim.blocks = 0;
  victim.entries = 0;
  victim.state = State::waiting;
  ++victim.num_preemptions;
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
  if (!sequence.scheduled) {
    sequence.scheduled = now;
  }
  free_ -= sequence.blocks;
  never_ += never_used(sequence, sequence.blocks);
  budget_ -= sequence.chunk;
  running_.push_back(slot);
  prefilling_.push_back(slot);
  phases_.move(SequenceId{slot}, sequence.num_preemptions == 0 ? Phase::prefill : Phase::recomputed,
               now);
  return true;
}

void SpanEngine::launch(SimTime now, SimTime horizon) {
  const bool repeats = prefilling_.empty() && span_.num_preempted == 0 && !queue_turns_;
  StepShape& shape = span_.shape;
  shape = {};
  shape.decode_sequences = decoding_;
  shape.sampled_sequences = decoding_;
  shape.decode_context = Tokens{keys_ + decoding_ * (iteration_ + 1)};
  shape_chunks();
  span_.first_iteration = iteration_;
  span_.start = now;
  span_.queues = queues();
  price();
  if (repeats) {
    extend_span(now, horizon);
  } else {
    span_.num_steps = 1;
    static_cast<void>(take_blocks_in_turn(1, now));
  }
  span_.end = now + Duration::picoseconds(span_.durations.sum(span_.num_steps));
  span_.taken_moment = (span_.end - now).picoseconds() * span_.num_taken - span_.taken_moment;
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
    }
  }
}

void SpanEngine::price() {
  const StepShape& shape = span_.shape;
  std::int64_t growth = 0;
  if (shape.prefill_sequences == 0 && shape.decode_sequences == decoding_ && decoding_ > 0) {
    const DecodeCost& cost = decode_cost(decoding_);
    span_.common = &cost.time;
    span_.priced_context = shape.decode_context.count();
    span_.workspace_used = cost.workspace;
    growth = context_price_total_ * decoding_;
    span_.durations =
        DurationSeries(cost.total + context_price_total_ * span_.priced_context, growth);
  } else {
    mixed_time_ = cost_->step(shape);
    span_.common = &mixed_time_;
    span_.priced_context = 0;
    span_.workspace_used = workspace_of(shape);
    span_.durations =
        DurationSeries(static_cast<std::int64_t>(mixed_time_.total().picoseconds()), 0);
  }
  of_prefills_ = time_of_prefills();
  describe_memory();
}

// What the step takes longer than if it had only its decodes to do.
Duration SpanEngine::time_of_prefills() {
  const StepShape& shape = span_.shape;
  if (shape.prefill_sequences == 0) {
    return Duration{};
  }
  const std::int64_t whole = span_.durations.first();
  if (shape.decode_sequences == 0) {
    return Duration::picoseconds(whole);
  }
  const std::int64_t decodes = decode_cost(shape.decode_sequences).total +
                               context_price_total_ * shape.decode_context.count();
  return Duration::picoseconds(std::max(whole - decodes, std::int64_t{0}));
}

const SpanEngine::DecodeCost& SpanEngine::decode_cost(std::int64_t sequences) {
  const auto index = static_cast<std::size_t>(sequences);
  if (index >= decode_costs_.size()) {
    decode_costs_.resize(std::max(index + 1, 2 * decode_costs_.size()));
  }
  DecodeCost& cost = decode_costs_[index];
  if (!cost.is_known) {
    StepShape shape;
    shape.decode_sequences = sequences;
    shape.sampled_sequences = sequences;
    cost.time = cost_->step(shape);
    cost.total = static_cast<std::int64_t>(cost.time.total().picoseconds());
    cost.workspace = workspace_of(shape);
    cost.is_known = true;
  }
  return cost;
}

// To the next event, to the first boundary that an arrival could be seen at, or to the last step
// that there are spare blocks for, whichever comes first. Who waits goes on waiting: the running
// ones only take memory, and their number and the budget that they leave stay as they are.
void SpanEngine::extend_span(SimTime now, SimTime horizon) {
  std::int64_t steps = ring_.distance(iteration_);
  if (horizon < SimTime::max() && steps > 1) {
    steps = span_.durations.terms_to_last(horizon - now, steps);
  }
  // Each takes at most a block in so many steps as a block has entries.
  const bool all_fit = decoding_ * (steps / block_size_ + 1) <= spare_blocks();
  const bool many = steps > block_size_ / 2 + 4 * std::min(decoding_, block_size_);
  if (all_fit && many) {
    take_blocks_at_once(steps, now);
  } else {
    steps = take_blocks_in_turn(steps, now);
  }
  span_.num_steps = steps;
}

// The blocks that the steps after this one take, as long as there are any. Returns how many steps
// that are. Leaves in taken_moment the sum of the times from the start to when they are taken.
std::int64_t SpanEngine::take_blocks_in_turn(std::int64_t steps, SimTime now) {
  Int128 time = now.since_start().picoseconds();
  std::int64_t duration = span_.durations.first();
  auto residue = static_cast<std::size_t>(residue_of(iteration_));
  const std::int64_t spare = spare_blocks();
  span_.num_taken = 0;
  span_.taken_moment = 0;
  if (takes_[residue] > 0) {
    take_clocks_[residue] += time;
  }
  for (std::int64_t step = 1; step < steps; ++step) {
    time += duration;
    duration += span_.durations.growth();
    residue = residue + 1 == takes_.size() ? 0 : residue + 1;
    const std::int64_t blocks = takes_[residue];
    if (blocks == 0) {
      continue;
    }
    if (span_.num_taken + blocks > spare) {
      return step;
    }
    span_.num_taken += blocks;
    span_.taken_moment += blocks * (time - now.since_start().picoseconds());
    take_clocks_[residue] += time;
  }
  return steps;
}

// The same for many steps with blocks enough: once around the residues that somebody takes at.
void SpanEngine::take_blocks_at_once(std::int64_t steps, SimTime now) {
  span_.num_taken = 0;
  span_.taken_moment = 0;
  const std::int64_t here = residue_of(iteration_);
  for (std::int64_t offset = 0; offset < std::min(block_size_, steps); ++offset) {
    const std::int64_t residue = (here + offset) % block_size_;
    const std::int64_t blocks = takes_[static_cast<std::size_t>(residue)];
    if (blocks == 0) {
      continue;
    }
    const std::int64_t times = (steps - 1 - offset) / block_size_ + 1;
    const Int128 elapsed = span_.durations.sum_of_sums(offset, block_size_, times);
    take_clocks_[static_cast<std::size_t>(residue)] +=
        times * now.since_start().picoseconds() + elapsed;
    // The first step has taken its blocks already.
    span_.num_taken += blocks * (times - (offset == 0 ? 1 : 0));
    span_.taken_moment += blocks * elapsed;
  }
}

// What this step's chunks mean for the totals.
void SpanEngine::count_chunks() {
  span_.continuing = decoding_;
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
      span_.first_prompts += sequence.request.prompt.count();
    }
  }
  span_.longer_gaps = longer_gaps_;
}

void SpanEngine::end_step(SimTime now, const std::function<void(const Request&)>& on_end) {
  TESSERA_INVARIANT(busy() && busy_until() == now, "a span ends when its time is over");
  phases_.end_step(span_.start, span_.end, of_prefills_);
  span_.taken = takes_;
  recorder_.on_span(span_);
  is_busy_ = false;
  entry_clock_ +=
      iteration_ * (now - span_.start).picoseconds() + span_.durations.moment(span_.num_steps);
  free_ -= span_.num_taken;
  iteration_ += span_.num_steps;
  handle_events();
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

void SpanEngine::handle_events() {
  events_.clear();
  ring_.take(iteration_, events_);
  for (const Slot slot : events_) {
    const SpanSequence& sequence = sequences_[slot];
    if (sequence.event > iteration_) {
      ring_.insert(slot, sequence.event, iteration_);
    } else if (sequence.takes_last_block) {
      last_blocks_.push_back(slot);
    } else {
      leaving_.push_back(slot);
    }
  }
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
    if (!sequence.first_token) {
      sequence.first_token = now;
    }
    prefilled_ -= sequence.entries;
    begin_decoding(slot, now);
  }
  prefilling_.resize(kept);
}

// Also where its only token has been sampled already: then it leaves at once.
void SpanEngine::begin_decoding(Slot slot, SimTime now) {
  SpanSequence& sequence = sequences_[slot];
  phases_.move(SequenceId{slot}, Phase::decode, now);
  sequence.state = State::decoding;
  sequence.key = sequence.entries - iteration_;
  sequence.since = now;
  sequence.entry_clock = entry_clock_;
  sequence.take_clock = take_clocks_[take_residue(sequence)];
  ++decoding_;
  keys_ += sequence.key;
  ++takes_[take_residue(sequence)];
  if (sequence.entries == sequence.final_entries()) {
    sequence.takes_last_block = false;
    leaving_.push_back(slot);
  } else {
    wait_for_event(slot);
  }
}

// Its last block, if that is yet to come and will not be used to its end; else its own end.
void SpanEngine::wait_for_event(Slot slot) {
  SpanSequence& sequence = sequences_[slot];
  const std::int64_t before_last = (sequence.final_entries() - 1) / block_size_ * block_size_;
  const bool fills_it = sequence.final_entries() % block_size_ == 0;
  sequence.takes_last_block = !fills_it && before_last >= sequence.entries;
  sequence.event =
      (sequence.takes_last_block ? before_last : sequence.final_entries()) - sequence.key;
  if (sequence.event == iteration_) {
    last_blocks_.push_back(slot);
  } else {
    ring_.insert(slot, sequence.event, iteration_);
  }
}

// Its entries, blocks and tokens are its own again, and what it held is accounted for.
void SpanEngine::stop_decoding(Slot slot, SimTime now) {
  SpanSequence& sequence = sequences_[slot];
  const std::size_t residue = take_residue(sequence);
  const std::int64_t blocks_before = blocks_of(sequence.entries);
  sequence.entries = sequence.key + iteration_;
  sequence.generated = sequence.entries + 1 - sequence.request.prompt.count();
  sequence.blocks = blocks_of(sequence.entries);
  sequence.most_entries = std::max(sequence.most_entries, sequence.entries);
  sequence.most_blocks = std::max(sequence.most_blocks, sequence.blocks);
  const Int128 time = (now - sequence.since).picoseconds();
  const Int128 written = sequence.key * time + (entry_clock_ - sequence.entry_clock);
  const Int128 blocks = blocks_before * time +
                        (sequence.blocks - blocks_before) * now.since_start().picoseconds() -
                        (take_clocks_[residue] - sequence.take_clock);
  sequence.wasted += blocks * block_size_ - written;
  --decoding_;
  keys_ -= sequence.key;
  --takes_[residue];
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
  stop_decoding(slot, now);
  never_ -= never_used(sequence, sequence.blocks);
  free_ += sequence.blocks;
  RequestRecord record;
  record.request = sequence.request;
  record.engine = id_;
  record.reason =
      sequence.output < sequence.request.output.count() ? EndReason::length : EndReason::none;
  record.scheduled = sequence.scheduled;
  record.first_token = sequence.first_token;
  record.ended = now;
  record.output = Tokens{sequence.generated};
  record.num_preemptions = sequence.num_preemptions;
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

void SpanEngine::describe_memory() {
  const std::int64_t live = keys_ + decoding_ * iteration_ + prefilled_;
  const std::int64_t unguarded =
      std::max(std::min(watermark_, pool_.usable.count()) - free_, std::int64_t{0});
  span_.live = bytes_per_token_ * live;
  span_.reserved = pool_.block * (pool_.usable.count() - free_);
  span_.never = bytes_per_token_ * never_;
  span_.unguarded = pool_.block * unguarded;
  span_.live_growth = bytes_per_token_ * decoding_;
  span_.free_blocks = Blocks{free_};
}

void SpanEngine::report_idle(SimTime now) {
  UsageRecord record;
  record.engine = id_;
  record.time = now;
  record.ledger = idle_;
  recorder_.on_usage(record);
}

Bytes SpanEngine::workspace_of(const StepShape& shape) const {
  const Tokens tokens = std::min(shape.tokens(), profile_tokens_);
  const std::int64_t sequences = std::min(shape.sampled_sequences, profile_sequences_);
  return std::min(
      workspace_bytes(scenario_.model, scenario_.precision, tokens, sequences, {}, step_workspace_),
      plan_.workspace);
}

// A bound on the time of any step, in picoseconds.
Int128 longest_step(const Scenario& scenario, const MemoryPlan& plan) {
  const PolicyTraits policy = traits_of(scenario.engine.policy);
  const std::int64_t sequences = std::min(policy.max_num_seqs, policy.token_budget->count());
  const std::int64_t capacity = make_kv_cache(scenario, plan)->capacity().count();
  StepShape shape;
  shape.decode_sequences = shape.sampled_sequences = sequences;
  shape.prefill_tokens = *policy.token_budget;
  shape.prefill_sequences = sequences;
  shape.decode_context = shape.prefill_context = Tokens{capacity};
  shape.prefill_pairs = capacity * std::min(policy.token_budget->count(), capacity);
  const auto cost = make_cost_model(scenario);
  return cost->step(shape).total().picoseconds();
}

}  // namespace

std::string why_not_in_spans(const Scenario& scenario, const MemoryPlan& plan) {
  const auto* policy = std::get_if<VllmV1Spec>(&scenario.engine.policy);
  const auto* kv_cache = std::get_if<PagedKvSpec>(&scenario.engine.kv_cache);
  if (policy == nullptr || policy->order != Order::fcfs || policy->async_scheduling) {
    return "spans are for the policy vllm_v1, first come first served, without async_scheduling";
  }
  if (kv_cache == nullptr || kv_cache->prefix_caching || kv_cache->reserve != BlockReserve::grow) {
    return "spans are for paged KV that grows, without prefix caching";
  }
  const auto cost = make_cost_model(scenario);
  if (!cost->per_context_token()) {
    return "this cost model has no constant price for a token of context";
  }
  if (longest_step(scenario, plan) >= DurationSeries::longest_term) {
    return "a step could last for many minutes";
  }
  return {};
}

std::unique_ptr<ServingEngine> make_span_engine(EngineId id, const Scenario& scenario,
                                                const MemoryPlan& plan, Recorder& recorder) {
  return std::make_unique<SpanEngine>(id, scenario, plan, recorder);
}

}  // namespace tessera
