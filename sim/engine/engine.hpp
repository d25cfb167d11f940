// One serving engine: a scheduler, a KV cache and a GPU that runs one step after the other.
//
// It goes round schedule → launch → retire. The node drives it: submit() what has arrived, then
// begin_step() at a boundary; the step ends at busy_until(), when end_step() samples its tokens.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "sim/engine/kv_account.hpp"
#include "sim/engine/sequence_table.hpp"
#include "tessera/cost/cost_model.hpp"
#include "tessera/engine/recorder.hpp"
#include "tessera/engine/scenario.hpp"
#include "tessera/memory/memory_plan.hpp"
#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {

class Engine {
 public:
  Engine(EngineId id, const Scenario& scenario, const MemoryPlan& plan, Recorder& recorder);

  // A request has arrived and is seen now. True if it was taken in; one that can never run is
  // recorded as rejected.
  [[nodiscard]] bool submit(const Request& request, SimTime now);

  // Decides and launches the next step, if there is anything to compute. Precondition: not busy.
  void begin_step(SimTime now);
  // The running step ends: its tokens are sampled, and who is done leaves. `on_end` hears of each.
  // Precondition: busy, and busy_until() == now.
  void end_step(SimTime now, const std::function<void(const Request&)>& on_end);

  [[nodiscard]] bool busy() const { return running_.has_value(); }
  [[nodiscard]] SimTime busy_until() const { return running_->end; }
  [[nodiscard]] std::int64_t iterations() const { return iterations_; }
  [[nodiscard]] bool has_requests() const { return !policy_->sizes().empty(); }
  // What the pool buys, for NodeRecord.
  [[nodiscard]] const KvCache& kv_cache() const { return *kv_; }

 private:
  struct RunningStep {
    SimTime end;
    StepRecord record;
  };

  void launch(SimTime now, QueueSizes before);
  void sample_tokens(SimTime now);
  void leave(Sequence& sequence, SimTime now, const std::function<void(const Request&)>& on_end);
  void reject(const Request& request, SimTime now, EndReason reason);
  void account(const Sequence& sequence, SimTime now);
  void report_usage(SimTime now);
  [[nodiscard]] Bytes workspace_of(const StepShape& shape) const;

  EngineId id_;
  const Scenario& scenario_;
  Recorder& recorder_;
  MemoryPlan plan_;
  Tokens max_model_len_;
  Tokens profile_tokens_;
  Bytes kv_bytes_per_token_;
  std::unique_ptr<KvCache> kv_;
  std::unique_ptr<BatchPolicy> policy_;
  std::unique_ptr<CostModel> cost_;
  SequenceTable sequences_;
  KvAccount account_;
  Step step_;
  std::optional<RunningStep> running_;
  std::vector<Sequence*> finished_;  // by the step that runs or has just ended
  std::vector<Sequence*> leaving_;
  std::int64_t iterations_ = 0;
  bool wants_request_kv_;
};

// The new tokens and sequences of the largest step that the engine's memory is laid out for.
[[nodiscard]] Tokens profile_tokens(const Scenario& scenario);
[[nodiscard]] std::int64_t profile_sequences(const Scenario& scenario);

}  // namespace tessera
