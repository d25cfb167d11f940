// vLLM v1's scheduler on paged KV, in spans: what decides nothing is not looked at.
//
// Every running sequence computes in every step, and all but the last of them as much as it may:
// whoever was served in one step needs no more in the next, and only the last one can have been cut
// short by the budget. So a step is the decodes (decode_batch.hpp), and the few who prefill.
#include "sim/engine/span_engine.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "sim/engine/counted_pool.hpp"
#include "sim/engine/decode_batch.hpp"
#include "sim/engine/engine.hpp"
#include "sim/engine/phase_clocks.hpp"
#include "sim/engine/plan_ledger.hpp"
#include "sim/engine/prefill_batch.hpp"
#include "sim/engine/rejection.hpp"
#include "sim/engine/request_limits.hpp"
#include "sim/engine/running_list.hpp"
#include "sim/engine/span_pricer.hpp"
#include "sim/engine/span_queue.hpp"
#include "sim/engine/span_report.hpp"
#include "sim/engine/span_sequence.hpp"
#include "sim/engine/span_totals.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/engine/simulate.hpp"
#include "tessera/memory/paged_pool.hpp"

namespace tessera {
namespace {

using Slot = std::uint32_t;
constexpr Slot nobody = RunningList::nobody;
using OnEnd = std::function<void(const Request&)>;

CountedPool counted_pool(const Scenario& scenario, const MemoryPlan& plan) {
  const auto& spec = std::get<PagedKvSpec>(scenario.engine.kv_cache);
  return {paged_pool(spec, kv_pool(scenario, plan)), BlockSize(spec.block_size.count())};
}

class SpanEngine final : public ServingEngine {
 public:
  SpanEngine(EngineId id, const Scenario& scenario, const MemoryPlan& plan, Recorder& recorder);

  [[nodiscard]] bool submit(const Request& request, SimTime now) override;
  SimTime schedule(SimTime now, SimTime horizon) override {
    end_ = launch(now, horizon);
    is_busy_ = end_ < SimTime::max();
    return end_;
  }
  void end_step(SimTime now, const OnEnd& on_end) override {
    TESSERA_INVARIANT(is_busy_ && end_ == now, "a span ends when its time is over");
    is_busy_ = false;
    end_span(now, on_end);
  }
  // One function, as it is all that a run of one engine does.
  [[gnu::flatten]] SimTime run(RequestSource& source) override;
  void finish() override;

  [[nodiscard]] bool busy() const override { return is_busy_; }
  [[nodiscard]] SimTime busy_until() const override { return end_; }
  [[nodiscard]] std::int64_t iterations() const override { return decodes_.iteration(); }
  [[nodiscard]] Bytes kv_reserved() const override { return pool_.reserved(); }

 private:
  [[nodiscard]] Slot take_slot();

  // Decides a step, and launches as many like it as may be, as schedule() says.
  [[nodiscard]] SimTime launch(SimTime now, SimTime horizon);

  // Deciding a step.
  void serve_running(SimTime now);
  [[nodiscard]] std::int64_t plan_chunks();
  void grant_chunks(SimTime now);
  void preempt_last(std::int64_t& needed, SimTime now);
  void admit_waiting(SimTime now);
  [[nodiscard]] bool admit(Slot slot, SimTime now);
  [[nodiscard]] std::int64_t below_threshold(std::int64_t tokens) const {
    return threshold_ > 0 ? std::min(tokens, threshold_) : tokens;
  }
  // That its chunk needs beyond those that it owns.
  [[nodiscard]] std::int64_t blocks_for_chunk(const SpanSequence& sequence) const {
    return pool_.blocks_of(sequence.entries + sequence.chunk) - sequence.blocks;
  }

  // Running it, and as many like it as may be.
  [[nodiscard]] DecodeBatch::Span launch_decodes(SimTime now, SimTime horizon);
  [[nodiscard]] DecodeBatch::Span launch_mixed(SimTime now);
  [[nodiscard]] SimTime begin_span(const DecodeBatch::Span& span, SimTime now);

  // Ending it.
  void end_span(SimTime now, const OnEnd& on_end);
  void end_prefill(Slot slot, SpanSequence& sequence, SimTime now);
  void leave(Slot slot, SimTime now, const OnEnd& on_end);
  void leave_decodes(Slot slot, SimTime now);

  void report_idle(SimTime now);
  [[nodiscard]] QueueSizes queues() const {
    return {.running = running_.size(), .waiting = waiting_.size()};
  }

  // What the scenario says.
  EngineId id_;
  Recorder& recorder_;
  Distribution* gaps_;  // between tokens; null: nobody wants them
  VllmV1Spec policy_;
  std::int64_t threshold_;
  bool whole_prompt_fits_;  // or nobody is admitted
  std::unique_ptr<KvCache> empty_kv_;
  DeviceLedger idle_;
  RequestLimits limits_;
  SpanPricer pricer_;
  Bytes bytes_per_token_;

  // Sequences: a running one prefills or decodes.
  std::vector<SpanSequence> sequences_;
  std::vector<Slot> spare_slots_;
  CountedPool pool_;
  SpanQueue waiting_;
  RunningList running_{sequences_};
  PrefillBatch prefills_;
  DecodeBatch decodes_;
  std::vector<Slot> leaving_;
  PhaseClocks phases_;

  // The step that is decided.
  std::int64_t budget_ = 0;
  std::int64_t num_preempted_ = 0;
  bool memory_blocks_ = false;  // somebody
  bool queue_turns_ = false;    // it leaves the queue in another order

  // The span that runs, where somebody else drives it.
  bool is_busy_ = false;
  SimTime end_;

  SpanTotals totals_;
  std::unique_ptr<SpanReport> report_;  // to a recorder that looks into spans
};

SpanEngine::SpanEngine(EngineId id, const Scenario& scenario, const MemoryPlan& plan,
                       Recorder& recorder)
    : id_(id),
      recorder_(recorder),
      gaps_(recorder.gaps()),
      policy_(std::get<VllmV1Spec>(scenario.engine.policy)),
      threshold_(policy_.long_prefill_token_threshold.count()),
      whole_prompt_fits_(policy_.reserve_full_prompt && policy_.version != VllmV1Version::v0_11),
      empty_kv_(make_kv_cache(scenario, plan)),
      idle_(ledger_of(plan, Bytes{0}, empty_kv_->usage())),
      limits_(scenario.max_model_len(), *empty_kv_),
      pricer_(scenario, plan),
      bytes_per_token_(kv_bytes_per_token(scenario.model, scenario.precision.kv_cache)),
      pool_(counted_pool(scenario, plan)),
      prefills_(sequences_, pool_.block_size().entries()),
      decodes_(sequences_, pool_.block_size()),
      totals_(id, policy_.max_num_seqs, pool_) {
  if (recorder.looks_into_spans()) {
    const SpanReport::Parts parts{idle_, pool_, decodes_, prefills_, sequences_};
    report_ = std::make_unique<SpanReport>(id, parts, bytes_per_token_);
  }
  report_idle(SimTime{});
}

bool SpanEngine::submit(const Request& request, SimTime now) {
  if (const auto why = limits_.why_never(request)) {
    recorder_.on_request_end(rejection_of(request, id_, now, *why));
    return false;
  }
  const Slot slot = take_slot();
  sequences_[slot].begin(request, limits_.output_of(request).count(), phases_, now);
  waiting_.push_back(slot);
  return true;
}

Slot SpanEngine::take_slot() {
  if (spare_slots_.empty()) {
    spare_slots_.push_back(static_cast<Slot>(sequences_.size()));
    sequences_.emplace_back().record.engine = id_;
    decodes_.reserve(sequences_.size());
    pricer_.reserve(sequences_.size());
  }
  const Slot slot = spare_slots_.back();
  spare_slots_.pop_back();
  return slot;
}

SimTime SpanEngine::run(RequestSource& source) {
  // Nobody asks it whether it is busy.
  struct Alone {
    SpanEngine& engine;
    [[nodiscard]] bool submit(const Request& request, SimTime now) {
      return engine.submit(request, now);
    }
    SimTime schedule(SimTime now, SimTime horizon) { return engine.launch(now, horizon); }
    void end_step(SimTime now, const OnEnd& on_end) { engine.end_span(now, on_end); }
  };
  Alone alone{*this};
  return run_alone(alone, source);
}

SimTime SpanEngine::launch(SimTime now, SimTime horizon) {
  if (running_.size() == 0 && waiting_.empty()) {
    if (report_) [[unlikely]] {
      report_idle(now);
    }
    return SimTime::max();
  }
  num_preempted_ = 0;
  memory_blocks_ = false;
  queue_turns_ = false;
  serve_running(now);
  // Whoever preempts has no memory to give away.
  if (!waiting_.empty() && num_preempted_ == 0) {
    admit_waiting(now);
  }
  TESSERA_INVARIANT(running_.size() > 0 || num_preempted_ > 0, "no idle node with runnable work");
  phases_.set_queue_block(memory_blocks_ ? QueueBlock::memory : QueueBlock::slot, now);
  const bool decodes_only = prefills_.empty() && decodes_.size() > 0;
  return begin_span(decodes_only ? launch_decodes(now, horizon) : launch_mixed(now), now);
}

// In order of admission, everyone gets the blocks for its tokens; where there are none left, from
// the last. That is as if the last ones had been preempted first, as many as leave enough for those
// in front of them.
void SpanEngine::serve_running(SimTime now) {
  budget_ = policy_.max_num_batched_tokens.count() - decodes_.size();
  std::int64_t needed = decodes_.next_blocks();
  if (!prefills_.empty()) {
    needed += plan_chunks();
  }
  while (needed > pool_.free()) {
    preempt_last(needed, now);
  }
  pool_.take(needed);
  if (!prefills_.empty()) {
    grant_chunks(now);
  }
}

// The chunks of this step. Returns the blocks that they need.
std::int64_t SpanEngine::plan_chunks() {
  std::int64_t needed = 0;
  for (const Slot slot : prefills_.slots()) {
    SpanSequence& sequence = sequences_[slot];
    sequence.chunk = below_threshold(sequence.target - sequence.entries);
    sequence.is_new = false;
    if (slot == running_.last()) {
      sequence.chunk = std::min(sequence.chunk, budget_);
    }
    budget_ -= sequence.chunk;
    TESSERA_INVARIANT(sequence.chunk > 0 && budget_ >= 0,
                      "only the last running sequence can be cut short by the budget");
    needed += blocks_for_chunk(sequence);
  }
  return needed;
}

void SpanEngine::grant_chunks(SimTime now) {
  for (const Slot slot : prefills_.slots()) {
    SpanSequence& sequence = sequences_[slot];
    if (const std::int64_t blocks = blocks_for_chunk(sequence); blocks > 0) {
      prefills_.grow(sequence, blocks, ticks_of(now));
    }
  }
}

void SpanEngine::preempt_last(std::int64_t& needed, SimTime now) {
  const Slot slot = running_.last();
  TESSERA_INVARIANT(slot != nobody, "who needs no memory is not preempted");
  SpanSequence& victim = sequences_[slot];
  running_.remove(slot);
  if (victim.state == SpanSequence::State::decoding) {
    needed -= decodes_.takes_next(victim) ? 1 : 0;
    leave_decodes(slot, now);
    victim.end_decoding(phases_, now);
    victim.last_token = now;
  } else {
    needed -= blocks_for_chunk(victim);
    budget_ += victim.chunk;
    prefills_.leave_last(ticks_of(now));
    victim.end_prefilling(phases_, now);
  }
  pool_.give_back(std::exchange(victim.blocks, 0));
  victim.entries = 0;
  ++victim.record.num_preemptions;
  ++num_preempted_;
  totals_.count_preemption();
  memory_blocks_ = true;
  waiting_.push_front(slot);
}

void SpanEngine::admit_waiting(SimTime now) {
  while (running_.size() < policy_.max_num_seqs && budget_ > 0 && !waiting_.empty()) {
    const Slot slot = waiting_.front();
    SpanSequence& sequence = sequences_[slot];
    sequence.chunk = below_threshold(sequence.known());
    if (!policy_.chunked_prefill && sequence.chunk > budget_) {
      if (policy_.version != VllmV1Version::v0_11) {
        break;
      }
      // v0.11 looks for a shorter prompt behind it.
      waiting_.pass_over();
      continue;
    }
    sequence.chunk = std::min(sequence.chunk, budget_);
    if (!admit(slot, now)) {
      break;
    }
    waiting_.pop_front();
  }
  // In v0.11 they return in reversed order, so that the queue is turned round in every step.
  queue_turns_ = waiting_.return_passed_over();
}

// Whether there was memory for it.
bool SpanEngine::admit(Slot slot, SimTime now) {
  SpanSequence& sequence = sequences_[slot];
  const std::int64_t must_fit =
      whole_prompt_fits_ ? std::min(sequence.known(), limits_.max_model_len().count()) : 0;
  const std::int64_t kept_free = running_.size() > 0 ? pool_.watermark() : 0;
  if (pool_.blocks_of(std::max(sequence.chunk, must_fit)) + kept_free > pool_.free()) {
    memory_blocks_ = true;
    return false;
  }
  sequence.blocks = pool_.blocks_of(sequence.chunk);
  pool_.take(sequence.blocks);
  budget_ -= sequence.chunk;
  sequence.end_waiting(phases_, now);
  running_.push_back(slot);
  totals_.count_admission(running_.size());
  prefills_.join(slot, ticks_of(now));
  return true;
}

// Where nothing was preempted: to the next who leaves, to the first boundary that an arrival could
// be seen at, or to the last step that there are spare blocks for, whichever comes first. Who waits
// goes on waiting: the running ones only take memory, and their number and the budget that they
// leave stay as they are.
DecodeBatch::Span SpanEngine::launch_decodes(SimTime now, SimTime horizon) {
  const std::int64_t decoding = decodes_.size();
  SpanPricer::Decodes& price = pricer_.decodes(decoding);
  const DurationSeries durations = pricer_.series(price, decodes_.entries() + decoding);
  std::int64_t most = 1;
  if (num_preempted_ == 0 && !queue_turns_) {
    most = decodes_.steps_with_blocks(decodes_.steps_to_next_end(), pool_.spare());
  }
  if (report_) [[unlikely]] {
    report_->begin(now, decodes_.shape(), queues(), num_preempted_);
    report_->set_price(pricer_, price, durations);
  }
  const auto room = std::min((horizon - now).picoseconds(), Int128{DecodeBatch::longest_span});
  const DecodeBatch::Span span =
      decodes_.advance(most, durations, ticks_of(now), static_cast<std::int64_t>(room));
  if (gaps_ != nullptr) {
    gaps_->add(durations, span.steps, span.picoseconds, decoding);
  }
  SpanPricer::count(price, span.steps, span.picoseconds);
  return span;
}

// Somebody prefills, or all were preempted: one step.
DecodeBatch::Span SpanEngine::launch_mixed(SimTime now) {
  const StepShape shape = prefills_.beside(decodes_.shape());
  const SpanPricer::Mixed price = pricer_.mixed(shape);
  if (report_) [[unlikely]] {
    report_->begin(now, shape, queues(), num_preempted_);
    report_->set_price(pricer_, price);
  }
  decodes_.step(ticks_of(now));
  if (gaps_ != nullptr && decodes_.size() > 0) {
    gaps_->add(Duration::picoseconds(price.total), decodes_.size());
  }
  pricer_.count(price, running_.size());
  phases_.add_prefills(price.of_prefills);
  return {.steps = 1, .blocks = 0, .picoseconds = price.total};
}

SimTime SpanEngine::begin_span(const DecodeBatch::Span& span, SimTime now) {
  TESSERA_INVARIANT(span.picoseconds >= 0, "time does not run backwards");
  const SimTime end = now + Duration::picoseconds(span.picoseconds);
  totals_.add(queues(), pool_, span.blocks, span.picoseconds);
  pool_.take(span.blocks);
  if (report_) [[unlikely]] {
    report_->set_length(span.steps, span.blocks, end);
  }
  return end;
}

void SpanEngine::end_span(SimTime now, const OnEnd& on_end) {
  if (report_) [[unlikely]] {
    recorder_.on_span(report_->span());
  }
  decodes_.take_ends(leaving_);
  if (!prefills_.empty()) {
    prefills_.end_step(ticks_of(now), [&](Slot slot, SpanSequence& sequence) {
      end_prefill(slot, sequence, now);
    });
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

// It has computed all that it knows of, and samples.
void SpanEngine::end_prefill(Slot slot, SpanSequence& sequence, SimTime now) {
  if (sequence.generated > 0 && gaps_ != nullptr) {
    gaps_->add(now - sequence.last_token);
  }
  sequence.sample(now);
  sequence.end_prefilling(phases_, now);
  decodes_.join(slot, ticks_of(now));
  if (report_) [[unlikely]] {
    report_->join(slot);
  }
  if (sequence.entries == sequence.final_entries) {
    leaving_.push_back(slot);
  }
}

void SpanEngine::leave(Slot slot, SimTime now, const OnEnd& on_end) {
  SpanSequence& sequence = sequences_[slot];
  running_.remove(slot);
  leave_decodes(slot, now);
  pool_.give_back(std::exchange(sequence.blocks, 0));
  sequence.close(now, pool_.block(), bytes_per_token_, phases_);
  recorder_.on_request_end(sequence.record);
  spare_slots_.push_back(slot);
  if (on_end) {
    on_end(sequence.record.request);
  }
}

void SpanEngine::leave_decodes(Slot slot, SimTime now) {
  decodes_.leave(slot, ticks_of(now));
  if (report_) [[unlikely]] {
    report_->leave(slot);
  }
}

void SpanEngine::finish() {
  SpanSums sums = totals_.sums(decodes_, prefills_, pricer_, pool_, bytes_per_token_);
  sums.peak_reserved += idle_.kv.reserved();
  recorder_.on_sums(sums);
}

void SpanEngine::report_idle(SimTime now) {
  recorder_.on_usage({.engine = id_, .device = 0, .time = now, .ledger = idle_, .queues = {}});
}

}  // namespace

std::unique_ptr<ServingEngine> make_span_engine(EngineId id, const Scenario& scenario,
                                                const MemoryPlan& plan, Recorder& recorder) {
  return std::make_unique<SpanEngine>(id, scenario, plan, recorder);
}

}  // namespace tessera
