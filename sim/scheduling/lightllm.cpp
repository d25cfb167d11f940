// LightLLM's router (lightllm/server/router: manager.py, req_queue/continues_batch/impl.py and
// core/objs/req.py of 2025). A step prefills whole prompts or decodes all. After every
// router_max_wait_tokens decodes, and after every prefill, it looks at the queue and takes in,
// first come first served, all who keep the estimated peak of memory below the pool.
//
// The peak counts a request's tokens, the one to come among them, and expects its output to go on
// to its limit where the router is busy, else to router_max_new_token_len or 1.1 times what there
// is; six more tokens are added for safety. When the pool cannot hold another token of each, the
// latest requests are paused, one by one; they wait in front of the queue and are computed again.
#include <algorithm>
#include <deque>
#include <vector>

#include "sim/scheduling/future_peak.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {
namespace {

constexpr Tokens safety{6};

enum class Load { idle, busy };

class LightLlm final : public BatchPolicy {
 public:
  LightLlm(const LightLlmSpec& spec, const PolicyContext& context)
      : spec_(spec),
        batch_max_tokens_(spec.batch_max_tokens.value_or(context.max_model_len)),
        pool_(context.kv_capacity) {}

  [[nodiscard]] bool can_ever_admit(const Sequence& sequence) const override {
    return future_peak({need_of(sequence, Load::busy)}) < pool_;
  }

  void enqueue(Sequence& sequence) override { waiting_.push_back(&sequence); }

  void schedule(StepBuilder& builder) override {
    if (running_.empty() || decodes_since_look_ >= spec_.router_max_wait_tokens) {
      decodes_since_look_ = 0;
      if (admit(builder)) {
        decodes_since_look_ = spec_.router_max_wait_tokens;
        return;
      }
    }
    while (builder.free_blocks().count() < static_cast<std::int64_t>(running_.size())) {
      pause_latest(builder);
      decodes_since_look_ = 0;
    }
    for (Sequence* sequence : running_) {
      const Grant grant = builder.schedule(*sequence, Tokens{1});
      TESSERA_INVARIANT(grant == Grant::ok, "a free token serves a decode");
    }
    ++decodes_since_look_;
  }

  void retire(const std::vector<Sequence*>& finished, std::vector<Sequence*>& leaving) override {
    leaving.insert(leaving.end(), finished.begin(), finished.end());
    std::erase_if(running_, [](const Sequence* sequence) { return sequence->finished(); });
  }

  [[nodiscard]] Withdrawal withdraw(Sequence& sequence) override {
    std::erase(running_, &sequence);
    const bool waits = std::erase(waiting_, &sequence) > 0;
    num_paused_ -= waits && sequence.num_preemptions > 0 ? 1 : 0;
    return Withdrawal::leaves;
  }

  // Until it looks at the queue; where nobody waits, that changes nothing.
  [[nodiscard]] Repeats repeats() const override {
    const bool has_looked = decodes_since_look_ == 1;
    const std::int64_t left = spec_.router_max_wait_tokens - decodes_since_look_;
    return {.steps = waiting_.empty() ? Repeats::forever : has_looked ? 0 : left};
  }
  void repeat(std::int64_t steps, SimTime /*now*/) override {
    decodes_since_look_ = (decodes_since_look_ + steps - 1) % spec_.router_max_wait_tokens + 1;
  }

  [[nodiscard]] QueueSizes sizes() const override {
    return {.running = static_cast<std::int64_t>(running_.size()),
            .waiting = static_cast<std::int64_t>(waiting_.size())};
  }

  [[nodiscard]] const Sequence* head_of_queue() const override {
    return waiting_.empty() ? nullptr : waiting_.front();
  }

 private:
  [[nodiscard]] TokenNeed need_of(const Sequence& sequence, Load load) const {
    const Tokens limit = sequence.output_limit();
    const Tokens grown{sequence.generated.count() * 11 / 10};
    const Tokens expected = load == Load::busy
                                ? limit
                                : std::min(limit, std::max(grown, spec_.router_max_new_token_len));
    const Tokens left = expected - sequence.generated - Tokens{1};
    return {.now = sequence.known() + Tokens{1}, .left = std::max(left, Tokens{0}) + safety};
  }

  [[nodiscard]] Load load(const StepBuilder& builder) const {
    const auto used = static_cast<double>(pool_.count() - builder.free_blocks().count());
    return used / static_cast<double>(pool_.count()) >= spec_.router_token_ratio ? Load::busy
                                                                                 : Load::idle;
  }

  // Whether anybody was admitted.
  bool admit(StepBuilder& builder) {
    const Load load_now = load(builder);
    std::vector<TokenNeed> needs;
    for (const Sequence* sequence : running_) {
      needs.push_back(need_of(*sequence, load_now));
    }
    Tokens step{0};
    while (!waiting_.empty()) {
      Sequence& sequence = *waiting_.front();
      step += sequence.known();
      needs.push_back(need_of(sequence, load_now));
      const bool paused = sequence.num_preemptions > 0;
      const std::int64_t present = static_cast<std::int64_t>(needs.size()) + num_paused_;
      if (step > batch_max_tokens_ || present - (paused ? 1 : 0) > spec_.running_max_req_size) {
        break;
      }
      if (future_peak(needs) >= pool_) {
        builder.refuse_for_memory();
        break;
      }
      if (builder.admit(sequence, {.tokens = sequence.known()}) != Grant::ok) {
        break;
      }
      num_paused_ -= paused ? 1 : 0;
      waiting_.pop_front();
      running_.push_back(&sequence);
    }
    return !builder.is_empty();
  }

  void pause_latest(StepBuilder& builder) {
    const auto latest = std::max_element(
        running_.begin(), running_.end(),
        [](const Sequence* a, const Sequence* b) { return a->request.id < b->request.id; });
    TESSERA_INVARIANT(running_.size() > 1, "a sequence that fits the pool alone can go on alone");
    Sequence& victim = **latest;
    running_.erase(latest);
    builder.preempt(victim);
    waiting_.push_front(&victim);
    ++num_paused_;
  }

  LightLlmSpec spec_;
  Tokens batch_max_tokens_;
  Tokens pool_;
  std::vector<Sequence*> running_;
  std::deque<Sequence*> waiting_;  // paused ones in front
  std::int64_t num_paused_ = 0;
  std::int64_t decodes_since_look_ = 0;
};

}  // namespace

std::unique_ptr<BatchPolicy> make_policy(const LightLlmSpec& spec, const PolicyContext& context) {
  return std::make_unique<LightLlm>(spec, context);
}

}  // namespace tessera
