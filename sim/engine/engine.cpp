#include "sim/engine/engine.hpp"

#include <algorithm>

#include "sim/engine/plan_ledger.hpp"
#include "sim/engine/rejection.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/engine/simulate.hpp"
#include "tessera/memory/workspace.hpp"

namespace tessera {
namespace {

// The limit that the SLO sets on each request's end, or else on its first token.
std::optional<Duration> time_limit(const Scenario& scenario) {
  if (!scenario.slo) {
    return std::nullopt;
  }
  const SloSpec& slo = *scenario.slo;
  return slo.e2el.each ? slo.e2el.each : slo.ttft.each;
}

RequestStatus status_of(GivesUp how) {
  return how == GivesUp::cancels ? RequestStatus::cancelled : RequestStatus::timed_out;
}

// A batch for every stage where the policy can fill them.
std::size_t batches_in_flight(const Scenario& scenario) {
  const PolicyTraits policy = traits_of(scenario.engine.policy);
  const std::int64_t stages = scenario.engine.parallel.pipeline;
  return static_cast<std::size_t>(stages > 1 ? stages : policy.batches_in_flight);
}

}  // namespace

KvPool kv_pool(const Scenario& scenario, const MemoryPlan& plan) {
  const PolicyTraits policy = traits_of(scenario.engine.policy);
  return {.bytes = plan.pool,
          .bytes_per_token = lead_kv_bytes_per_token(scenario),
          .tensors = lead_kv_tensors(scenario),
          .max_model_len = scenario.max_model_len(),
          .max_num_seqs = policy.max_num_seqs,
          .host_bytes = scenario.engine.memory.swap_space,
          .watermark = policy.watermark,
          .watermark_always = policy.watermark_always,
          .freed_blocks = policy.freed_blocks,
          .null_block = policy.null_block};
}

std::unique_ptr<KvCache> make_kv_cache(const Scenario& scenario, const MemoryPlan& plan) {
  return make_kv_cache(scenario.engine.kv_cache, kv_pool(scenario, plan));
}

std::unique_ptr<CostModel> make_cost_model(const Scenario& scenario) {
  return make_cost_model(scenario.cost, scenario.hardware.gpu, scenario.model, scenario.precision,
                         RankPlace{}, scenario.engine.overheads);
}

// Policies without a token budget take in whole prompts; a step beyond the longest one runs in
// slices of that size, as an engine with a fixed workspace must.
Tokens profile_tokens(const Scenario& scenario) {
  return traits_of(scenario.engine.policy).token_budget.value_or(scenario.max_model_len());
}

std::int64_t profile_sequences(const Scenario& scenario) {
  return std::min(traits_of(scenario.engine.policy).max_num_seqs, profile_tokens(scenario).count());
}

StepWorkspace step_workspace(const Scenario& scenario) {
  const MemorySpec& memory = scenario.engine.memory;
  const bool runs_model_code = traits_of(scenario.engine.kv_cache).runs_model_code;
  const WorkspaceForm form = runs_model_code ? WorkspaceForm::hugging_face : WorkspaceForm::serving;
  return {.form = memory.workspace.value_or(form),
          .cublas = scenario.hardware.gpu.cublas_workspace,
          .attention_scratch = memory.attention_scratch};
}

Bytes graphs_a_layer(const Scenario& scenario) {
  const auto& graphs = scenario.engine.overheads.cuda_graphs;
  const bool captures = graphs && step_workspace(scenario).form == WorkspaceForm::serving;
  return captures ? graphs->bytes_a_layer(traits_of(scenario.engine.policy).max_num_seqs)
                  : Bytes{0};
}

Engine::Engine(EngineId id, const Scenario& scenario, const EnginePlan& plan, Recorder& recorder,
               Advance advance)
    : id_(id),
      scenario_(scenario),
      recorder_(recorder),
      plan_(plan),
      device_kv_(plan),
      max_model_len_(scenario.max_model_len()),
      step_workspace_(step_workspace(scenario)),
      profile_tokens_(profile_tokens(scenario)),
      known_workspaces_(plan.devices.size()),
      kv_(make_kv_cache(scenario, plan.lead_plan())),
      policy_(make_policy(scenario.engine.policy, policy_context())),
      pipeline_(id, scenario),
      beams_(scenario.seed),
      batches_in_flight_(batches_in_flight(scenario)),
      splits_groups_(traits_of(scenario.engine.policy).splits_groups),
      wants_request_kv_(recorder.wants_request_kv()),
      wants_free_runs_(recorder.wants_free_runs()),
      bytes_per_token_(lead_kv_bytes_per_token(scenario)),
      jumps_(advance == Advance::span),
      context_price_(pipeline_.per_context_token().value_or(StepTime{})) {
  report_usage(SimTime{});
}

PolicyContext Engine::policy_context() {
  const KvTraits kv = traits_of(scenario_.engine.kv_cache);
  return {.seed = scenario_.seed,
          .time_limit = time_limit(scenario_),
          .prefill_time = [this](Tokens tokens) { return prefill_time(tokens); },
          .max_model_len = scenario_.max_model_len(),
          .block_size = kv.block_size.value_or(Tokens{1}),
          .kv_capacity = kv_->capacity(),
          .stages = scenario_.engine.parallel.pipeline};
}

Duration Engine::prefill_time(Tokens tokens) {
  const std::int64_t n = tokens.count();
  StepShape shape;
  shape.prefill_tokens = shape.prefill_context = tokens;
  shape.prefill_sequences = shape.sampled_sequences = 1;
  shape.prefill_pairs = n * (n + 1) / 2;
  return pipeline_.time(shape).total();
}

bool Engine::submit(const Request& request, SimTime now) {
  if (request.prompt >= max_model_len_) {
    reject(request, now, EndReason::prompt_too_long);
    return false;
  }
  if (request.gives_up_at <= now) {
    record_given_up(request, now);
    return false;
  }
  if (request.num_sequences > 1 && splits_groups_) {
    return submit_one_by_one(request, now);
  }
  return take_in(sequences_.insert(request, max_model_len_ - request.prompt), request, now);
}

// The sequences of a request as its children, one after the other. All are alike: the first is
// rejected, or none.
bool Engine::submit_one_by_one(const Request& request, SimTime now) {
  Request own = request;
  own.num_sequences = 1;
  for (std::int64_t child = 0; child < request.num_sequences; ++child) {
    own.content.branch = child;
    own.content.branches_at = request.prompt;
    Sequence& sequence = sequences_.insert(own, max_model_len_ - request.prompt);
    sequence.child = child;
    if (!take_in(sequence, request, now)) {
      return false;
    }
    families_.add(request);
  }
  return true;
}

// `request` is what a rejection is recorded of.
bool Engine::take_in(Sequence& sequence, const Request& request, SimTime now) {
  if (!kv_->can_ever_hold(sequence.kv) || !policy_->can_ever_admit(sequence)) {
    sequences_.erase(sequence);
    reject(request, now, EndReason::exceeds_pool);
    return false;
  }
  phases_.arrive(sequence.kv.id, request.arrival, now);
  policy_->enqueue(sequence);
  if (request.gives_up_at < SimTime::max()) {
    departures_.push({request.gives_up_at, request.id, sequence.child.value_or(0), &sequence});
  }
  return true;
}

SimTime Engine::schedule(SimTime now, SimTime horizon) {
  while (in_flight_.size() < batches_in_flight_ && begin_step(now)) {
  }
  const Sequence* head = policy_->head_of_queue();
  kv_->set_head_of_queue(head == nullptr ? std::nullopt : std::optional(head->kv));
  if (!jumps_ || !jump(now, horizon)) {
    report_usage(now);
  }
  return busy() ? busy_until() : SimTime::max();
}

// Returns whether there was anything to compute.
bool Engine::begin_step(SimTime now) {
  const QueueSizes before = policy_->sizes();
  if (before.empty()) {
    return false;
  }
  Batch& batch = in_flight_.emplace_back();
  if (!spare_steps_.empty()) {
    batch.step = std::move(spare_steps_.back());
    spare_steps_.pop_back();
  }
  StepBuilder builder(batch.step, *kv_, now);
  policy_->schedule(builder);
  builder.finish();
  change_phases(batch.step, now);
  for (const Sequence* sequence : batch.step.preempted) {
    account(*sequence, now);
  }
  // A step that only preempted is one, too: victims may leave nobody who can go on.
  if (batch.step.tokens > Tokens{0} || !batch.step.preempted.empty()) {
    launch(now, before);
    return true;
  }
  in_flight_.pop_back();
  TESSERA_INVARIANT(busy(), "no idle node with runnable work");
  return false;
}

void Engine::change_phases(const Step& step, SimTime now) {
  for (const Sequence* sequence : step.admitted) {
    phases_.move(sequence->kv.id,
                 sequence->num_preemptions == 0 ? Phase::prefill : Phase::recomputed, now);
  }
  for (const Sequence* sequence : step.swapped_in) {
    phases_.resume(sequence->kv.id, now);
  }
  for (const Sequence* sequence : step.preempted) {
    if (sequence->state != SequenceState::running) {
      const bool is_swapped = sequence->state == SequenceState::swapped;
      phases_.move(sequence->kv.id, is_swapped ? Phase::swapped : Phase::preempted, now);
    }
  }
  const bool memory_blocks = step.memory_refused || !step.preempted.empty();
  phases_.clocks().set_queue_block(memory_blocks ? QueueBlock::memory : QueueBlock::slot, now);
}

void Engine::launch(SimTime now, QueueSizes before) {
  Batch& batch = in_flight_.back();
  for (const StepEntry& entry : batch.step.entries) {
    if (!entry.withdrawn) {
      account(*entry.sequence, now);
    }
  }
  StepRecord& record = batch.record;
  record.engine = id_;
  record.iteration = iterations_++;
  record.scheduled = now;
  record.shape = batch.step.shape();
  const bool waits_for_nothing = batch.step.tokens == Tokens{0} && batches_in_flight_ > 1;
  const Pipeline::Passage passage =
      waits_for_nothing ? pipeline_.pass_nothing(now) : pipeline_.pass(record.shape, now);
  record.start = passage.start;
  record.end = passage.end;
  record.time = passage.time;
  batch.of_prefills = time_of_prefills(batch);
  record.before = before;
  record.free_blocks_after_schedule = kv_->free_blocks();
  record.total_blocks = kv_->total_blocks();
}

// What the step takes longer than if it had only its decodes, and work for them, to do.
Duration Engine::time_of_prefills(const Batch& batch) {
  if (batch.record.shape.prefill_sequences == 0) {
    return Duration{};
  }
  const Duration whole = batch.record.time.total();
  const StepShape decodes = batch.step.shape_of_decodes();
  if (decodes.tokens() == Tokens{0}) {
    return whole;
  }
  // A measured table need not be monotone: then the prefills took nothing.
  return std::max(whole - pipeline_.time(decodes).total(), Duration{});
}

void Engine::end_step(SimTime now, const std::function<void(const Request&)>& on_end) {
  TESSERA_INVARIANT(busy() && busy_until() == now, "a step ends when its time is over");
  if (jump_.steps > 0) {
    land();
  }
  const Batch& ended = in_flight_.front();
  phases_.clocks().end_step(ended.record.start, ended.record.end, ended.of_prefills);
  sample_tokens(now);
  leaving_.clear();
  policy_->retire(finished_, leaving_);
  for (Sequence* sequence : leaving_) {
    if (sequence->state == SequenceState::running) {
      kv_->release(sequence->kv.id);
      account(*sequence, now);
    }
  }
  record_step();
  Batch& batch = in_flight_.front();
  batch.step.clear();
  for (Sequence* sequence : batch.left) {
    sequences_.erase(*sequence);
  }
  spare_steps_.push_back(std::move(batch.step));
  in_flight_.pop_front();
  for (Sequence* sequence : leaving_) {
    // A token that came too late has not come: its client had gone.
    const Request& request = sequence->request;
    leave(*sequence,
          request.gives_up_at < now ? status_of(request.gives_up) : RequestStatus::finished, now,
          on_end);
    sequences_.erase(*sequence);
  }
  withdraw_given_up(now, on_end);
}

void Engine::record_step() {
  Batch& batch = in_flight_.front();
  if (jump_.steps > 0) {
    record_jump();
    return;
  }
  batch.record.step = &batch.step;
  batch.record.finished = &finished_;
  batch.record.after = policy_->sizes();
  batch.record.free_blocks_after = kv_->free_blocks();
  recorder_.on_step(batch.record);
}

// At the boundary of a step an engine hears of the clients who have gone since the last one.
void Engine::withdraw_given_up(SimTime now, const std::function<void(const Request&)>& on_end) {
  while (!departures_.empty() && departures_.top().at <= now) {
    const Departure departure = departures_.top();
    departures_.pop();
    Sequence& sequence = *departure.sequence;
    const bool has_left =
        sequence.state == SequenceState::ended || sequence.request.id != departure.request;
    if (!has_left && policy_->withdraw(sequence) == Withdrawal::leaves) {
      withdraw(sequence, now);
      leave(sequence, status_of(sequence.request.gives_up), now, on_end);
      if (busy()) {
        in_flight_.back().left.push_back(&sequence);
      } else {
        sequences_.erase(sequence);
      }
    }
  }
}

// Takes what the sequence holds. The steps that still run with it keep its slot from being used
// again.
void Engine::withdraw(Sequence& sequence, SimTime now) {
  if (sequence.state != SequenceState::waiting) {
    kv_->release(sequence.kv.id);
    account(sequence, now);
  }
  sequence.state = SequenceState::ended;
}

void Engine::sample_tokens(SimTime now) {
  finished_.clear();
  for (const StepEntry& entry : in_flight_.front().step.entries) {
    if (!entry.withdrawn) {
      take_token(entry, now);
    }
  }
}

void Engine::take_token(const StepEntry& entry, SimTime now) {
  Sequence& sequence = *entry.sequence;
  if (sequence.state == SequenceState::ended) {
    return;
  }
  --sequence.steps_in_flight;
  if (entry.samples) {
    ++sequence.generated;
    --sequence.in_flight;
    if (!sequence.first_token) {
      sequence.first_token = now;
    }
    if (sequence.finished()) {
      finished_.push_back(&sequence);
    }
  }
  // Preempted since: what the step has written is lost, the sampled token is not.
  if (sequence.num_preemptions != entry.preemptions) {
    return;
  }
  if (entry.samples) {
    phases_.move(sequence.kv.id, sequence.finished() ? Phase::held : Phase::decode, now);
  }
  kv_->publish(sequence.kv.id, sequence.computed - sequence.in_flight);
  kv_->write(sequence.kv.id, entry.tokens);
  const bool forks = sequence.request.use_beam_search && sequence.request.num_sequences > 1;
  if (entry.samples && forks && !sequence.finished()) {
    kv_->continue_from(sequence.kv.id, beams_.next_parents(sequence.request));
  }
  account(sequence, now);
  if (sequence.finished() && entry.samples) {
    kv_->end_of_sequence(sequence.kv.id);
  }
}

void Engine::leave(const Sequence& sequence, RequestStatus status, SimTime now,
                   const std::function<void(const Request&)>& on_end) {
  RequestRecord record;
  record.request = sequence.request;
  record.engine = id_;
  record.status = status;
  const bool is_cut = sequence.output < sequence.request.output;
  record.reason = status == RequestStatus::finished && is_cut ? EndReason::length : EndReason::none;
  record.scheduled = sequence.scheduled;
  record.first_token = sequence.first_token;
  record.ended = now;
  record.output = sequence.generated;
  record.cached = sequence.cached;
  record.num_preemptions = sequence.num_preemptions;
  record.phases = phases_.close(sequence.kv.id, now);
  beams_.forget(sequence.request.id);
  if (sequence.child) {
    const std::optional<RequestRecord> family = families_.leave(record);
    if (!family) {
      return;
    }
    record = *family;
  } else {
    const KvAccount::Totals totals = account_.close(sequence.kv.id);
    record.kv_peak_written = totals.peak_written;
    record.kv_peak_reserved = totals.peak_reserved;
    record.kv_wasted_byte_picoseconds = totals.wasted_byte_picoseconds;
  }
  recorder_.on_request_end(record);
  if (on_end) {
    on_end(record.request);
  }
}

void Engine::reject(const Request& request, SimTime now, EndReason reason) {
  recorder_.on_request_end(rejection_of(request, id_, now, reason));
}

void Engine::record_given_up(const Request& request, SimTime now) {
  RequestRecord record;
  record.request = request;
  record.engine = id_;
  record.status = status_of(request.gives_up);
  record.ended = now;
  record.phases.queued_slot = now - request.arrival;
  recorder_.on_request_end(record);
}

void Engine::account(const Sequence& sequence, SimTime now) {
  const SequenceKvUsage usage = device_kv_.of_all_devices(kv_->usage(sequence.kv.id));
  if (sequence.child) {
    if (const auto of_family = families_.hold(sequence, usage, now)) {
      report_request_kv(sequence, *of_family, now);
    }
  } else if (account_.update(sequence.kv.id, usage, now)) {
    report_request_kv(sequence, usage, now);
  }
}

void Engine::report_request_kv(const Sequence& sequence, const SequenceKvUsage& usage,
                               SimTime now) {
  if (wants_request_kv_) {
    recorder_.on_request_kv({.request = sequence.request.id,
                             .engine = id_,
                             .time = now,
                             .written = usage.written,
                             .reserved = usage.reserved});
  }
}

// Of the oldest batch, which is furthest through the stages.
Bytes Engine::workspace_of(const StepShape& shape, std::size_t device) {
  const Tokens tokens = std::min(shape.tokens(), profile_tokens_);
  const std::int64_t sequences = std::min(shape.sampled_sequences, profile_sequences(scenario_));
  KnownWorkspace& known = known_workspaces_[device];
  if (known.tokens != tokens || known.sequences != sequences) {
    known = {tokens, sequences, workspace_of(tokens, sequences, device)};
  }
  return known.bytes;
}

Bytes Engine::workspace_of(Tokens tokens, std::int64_t sequences, std::size_t device) const {
  const Shard shard = shard_of_device(plan_.degrees, static_cast<std::int64_t>(device));
  return std::min(workspace_bytes(scenario_.model, scenario_.precision, tokens, sequences, shard,
                                  step_workspace_),
                  plan_.devices[device].workspace);
}

// In a jump, those of its last step: there is no arrival before it.
Bytes Engine::kv_reserved() const {
  Bytes reserved = kv_->usage().reserved();
  if (jump_.steps > 0) {
    for (const Jump::Takes& takes : jump_.takes) {
      reserved += jump_.outlook.block * (takes.sequences * takes.blocks);
    }
  }
  return device_kv_.of_all_devices({reserved, reserved}).reserved;
}

void Engine::report_usage(SimTime now) {
  const KvUsage kv = kv_->usage();
  for (std::size_t device = 0; device < plan_.devices.size(); ++device) {
    report_device(device, kv, now);
  }
  if (wants_free_runs_) {
    const std::vector<Bytes> runs = kv_->free_runs();
    recorder_.on_free_runs({.engine = id_, .time = now, .runs = runs});
  }
}

void Engine::report_device(std::size_t device, const KvUsage& kv, SimTime now) {
  UsageRecord record;
  record.engine = id_;
  record.device = static_cast<std::int64_t>(device);
  record.time = now;
  record.queues = policy_->sizes();
  record.ledger = ledger_of(device, kv);
  record.ledger.audit();
  recorder_.on_usage(record);
}

DeviceLedger Engine::ledger_of(std::size_t device, const KvUsage& kv) {
  const MemoryPlan& plan = plan_.devices[device];
  const Bytes used = busy() ? workspace_of(in_flight_.front().record.shape, device) : Bytes{0};
  return tessera::ledger_of(plan, used, device_kv_.of_device(kv, device));
}

}  // namespace tessera
