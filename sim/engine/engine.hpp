// One serving engine, step by step: a scheduler, a KV cache and a GPU that runs one step after the
// other. It serves every policy with every KV manager, and is what faster engines must agree with,
// itself among them when it jumps.
//
// It goes round schedule → launch → retire, with one batch in flight, two where scheduling is
// asynchronous, or one a stage of a pipeline. The oldest step ends at busy_until(), when end_step()
// samples its tokens.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <queue>
#include <tuple>
#include <vector>

#include "sim/engine/beam_search.hpp"
#include "sim/engine/device_kv.hpp"
#include "sim/engine/family_table.hpp"
#include "sim/engine/jump.hpp"
#include "sim/engine/kv_account.hpp"
#include "sim/engine/phase_account.hpp"
#include "sim/engine/pipeline.hpp"
#include "sim/engine/sequence_table.hpp"
#include "sim/engine/serving_engine.hpp"
#include "tessera/cost/cost_model.hpp"
#include "tessera/engine/recorder.hpp"
#include "tessera/engine/scenario.hpp"
#include "tessera/memory/memory_plan.hpp"
#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {

class Engine final : public ServingEngine {
 public:
  // Advance::span: where a step would be decided again and again, it jumps over what follows.
  Engine(EngineId id, const Scenario& scenario, const EnginePlan& plan, Recorder& recorder,
         Advance advance);

  [[nodiscard]] bool submit(const Request& request, SimTime now) override;
  SimTime schedule(SimTime now, SimTime horizon) override;
  void end_step(SimTime now, const std::function<void(const Request&)>& on_end) override;

  [[nodiscard]] bool busy() const override { return in_flight_.size() > 0; }
  [[nodiscard]] SimTime busy_until() const override { return in_flight_.front().record.end; }
  [[nodiscard]] std::int64_t iterations() const override { return iterations_; }
  [[nodiscard]] Bytes kv_reserved() const override;

 private:
  // When the client of a request goes away.
  struct Departure {
    SimTime at;
    RequestId request{};
    std::int64_t child = 0;
    Sequence* sequence = nullptr;  // of the request, unless it has left
    // A heap keeps its greatest on top: the latest is the least.
    friend bool operator<(const Departure& a, const Departure& b) {
      return std::tie(a.at, a.request, a.child) > std::tie(b.at, b.request, b.child);
    }
  };
  struct Batch {
    Step step;
    StepRecord record;
    Duration of_prefills;  // what they take of its time
    // Of its sequences, those that have left before its end, and whose slots it still names.
    std::vector<Sequence*> left;
  };

  [[nodiscard]] bool submit_one_by_one(const Request& request, SimTime now);
  [[nodiscard]] bool take_in(Sequence& sequence, const Request& request, SimTime now);
  [[nodiscard]] PolicyContext policy_context();
  // Of a prompt by itself, in one step.
  [[nodiscard]] Duration prefill_time(Tokens tokens);
  [[nodiscard]] bool begin_step(SimTime now);
  void change_phases(const Step& step, SimTime now);
  void launch(SimTime now, QueueSizes before);
  [[nodiscard]] Duration time_of_prefills(const Batch& batch);
  void sample_tokens(SimTime now);
  void take_token(const StepEntry& entry, SimTime now);
  void record_step();
  void leave(const Sequence& sequence, RequestStatus status, SimTime now,
             const std::function<void(const Request&)>& on_end);
  void withdraw_given_up(SimTime now, const std::function<void(const Request&)>& on_end);
  void withdraw(Sequence& sequence, SimTime now);
  void reject(const Request& request, SimTime now, EndReason reason);
  void record_given_up(const Request& request, SimTime now);
  void account(const Sequence& sequence, SimTime now);
  void report_request_kv(const Sequence& sequence, const SequenceKvUsage& usage, SimTime now);
  void report_usage(SimTime now);
  void report_device(std::size_t device, const KvUsage& kv, SimTime now);
  [[nodiscard]] DeviceLedger ledger_of(std::size_t device, const KvUsage& kv);
  // The workspace of a device's last step: most are like the one before.
  struct KnownWorkspace {
    Tokens tokens{-1};
    std::int64_t sequences = 0;
    Bytes bytes{0};
  };
  [[nodiscard]] Bytes workspace_of(const StepShape& shape, std::size_t device);
  [[nodiscard]] Bytes workspace_of(Tokens tokens, std::int64_t sequences, std::size_t device) const;

  // Jumps: sim/engine/jump.cpp.
  [[nodiscard]] bool jump(SimTime now, SimTime horizon);
  [[nodiscard]] std::int64_t steps_to_jump(SimTime now, SimTime horizon);
  [[nodiscard]] bool set_pace();
  void land();
  void record_jump();

  EngineId id_;
  const Scenario& scenario_;
  Recorder& recorder_;
  EnginePlan plan_;
  DeviceKv device_kv_;
  Tokens max_model_len_;
  StepWorkspace step_workspace_;
  Tokens profile_tokens_;
  std::vector<KnownWorkspace> known_workspaces_;  // by device
  std::unique_ptr<KvCache> kv_;
  std::unique_ptr<BatchPolicy> policy_;
  Pipeline pipeline_;
  SequenceTable sequences_;
  KvAccount account_;
  PhaseAccount phases_;
  FamilyTable families_;
  BeamSearch beams_;
  std::deque<Batch> in_flight_;    // the oldest in front
  std::vector<Step> spare_steps_;  // their lists keep their memory
  std::size_t batches_in_flight_;  // at the most
  bool splits_groups_;
  std::vector<Sequence*> finished_;  // by the step that has just ended
  std::vector<Sequence*> leaving_;
  std::priority_queue<Departure> departures_;  // of requests that may have ended
  std::int64_t iterations_ = 0;
  bool wants_request_kv_;
  bool wants_free_runs_;

  Bytes bytes_per_token_;
  bool jumps_;
  StepTime context_price_;  // if it jumps
  Jump jump_;               // that the batch in flight makes
};

// What an engine's KV manager is built on.
[[nodiscard]] KvPool kv_pool(const Scenario& scenario, const MemoryPlan& plan);

// What an engine's steps cost.
[[nodiscard]] std::unique_ptr<CostModel> make_cost_model(const Scenario& scenario);

// The new tokens and sequences of the largest step that the engine's memory is laid out for.
[[nodiscard]] Tokens profile_tokens(const Scenario& scenario);
[[nodiscard]] std::int64_t profile_sequences(const Scenario& scenario);

// Whose tensors its steps make, and the CUDA graphs that it captures for each layer.
[[nodiscard]] StepWorkspace step_workspace(const Scenario& scenario);
[[nodiscard]] Bytes graphs_a_layer(const Scenario& scenario);

}  // namespace tessera
