// vLLM v1's scheduler (vllm/v1/core/sched/scheduler.py and async_scheduler.py; v0.11.0, v0.20.1 and
// main of 2026-07). One token budget serves running sequences in list order, decodes and chunks
// alike, then admits waiting ones; who runs out of KV blocks preempts the last of the running list,
// or by priority the least urgent one.
#include <algorithm>
#include <tuple>
#include <vector>

#include "sim/scheduling/vllm_v1_queue.hpp"
#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {
namespace {

class VllmV1 final : public BatchPolicy {
 public:
  VllmV1(const VllmV1Spec& spec, const PolicyContext& context)
      : spec_(spec),
        max_model_len_(context.max_model_len),
        stages_(context.stages),
        waiting_(spec.order) {}

  void enqueue(Sequence& sequence) override { waiting_.append(sequence); }

  void schedule(StepBuilder& builder) override {
    Tokens budget = spec_.max_num_batched_tokens;
    schedule_running(builder, budget);
    // Whoever preempts has no memory to give away.
    if (!builder.has_preempted()) {
      admit_waiting(builder, budget);
    }
  }

  void retire(const std::vector<Sequence*>& finished, std::vector<Sequence*>& leaving) override {
    if (finished.empty()) {
      return;
    }
    leaving.insert(leaving.end(), finished.begin(), finished.end());
    std::erase_if(running_, [](const Sequence* sequence) { return sequence->finished(); });
    for (const Sequence* sequence : finished) {
      // Preempted while its last token was in flight.
      if (sequence->state == SequenceState::waiting) {
        waiting_.remove(*sequence);
      }
    }
  }

  [[nodiscard]] QueueSizes sizes() const override {
    return {.running = static_cast<std::int64_t>(running_.size()),
            .waiting = static_cast<std::int64_t>(waiting_.size())};
  }

  [[nodiscard]] const Sequence* head_of_queue() const override {
    return waiting_.empty() ? nullptr : &waiting_.head();
  }

 private:
  // A pipeline's first stage cannot compute a token that the last one has not sampled.
  [[nodiscard]] bool waits_for_its_token(const Sequence& sequence) const {
    return stages_ > 1 && sequence.in_flight > Tokens{0};
  }

  // A long prompt's share of one step.
  [[nodiscard]] Tokens below_threshold(Tokens tokens) const {
    const Tokens threshold = spec_.long_prefill_token_threshold;
    return threshold > Tokens{0} ? std::min(tokens, threshold) : tokens;
  }

  void schedule_running(StepBuilder& builder, Tokens& budget) {
    for (std::size_t i = 0; i < running_.size() && budget > Tokens{0}; ++i) {
      Sequence& sequence = *running_[i];
      if (sequence.last_token_in_flight() || waits_for_its_token(sequence)) {
        continue;
      }
      const Tokens tokens = std::min({below_threshold(sequence.remaining()), budget,
                                      max_model_len_ - Tokens{1} - sequence.computed});
      while (builder.schedule(sequence, tokens) != Grant::ok) {
        const std::size_t victim = choose_victim();
        const bool was_scheduled = running_[victim]->in_step;
        const bool was_itself = running_[victim] == &sequence;
        budget += preempt(builder, victim);
        if (was_itself) {
          return;
        }
        // The list closes up behind a victim that this step had already passed.
        i -= was_scheduled ? 1 : 0;
      }
      budget -= tokens;
    }
  }

  // The last of the running list; by priority the one with the greatest (priority, arrival), the
  // first of equals.
  [[nodiscard]] std::size_t choose_victim() const {
    if (spec_.order == Order::fcfs) {
      return running_.size() - 1;
    }
    const auto less_urgent = [](const Sequence* a, const Sequence* b) {
      return std::tuple(a->request.priority, a->request.arrival) <
             std::tuple(b->request.priority, b->request.arrival);
    };
    const auto victim = std::max_element(running_.begin(), running_.end(), less_urgent);
    return static_cast<std::size_t>(victim - running_.begin());
  }

  // Returns the tokens that the victim had been given in this step.
  Tokens preempt(StepBuilder& builder, std::size_t index) {
    Sequence& victim = *running_[index];
    running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(index));
    const Tokens returned = builder.preempt(victim);
    waiting_.put_back(victim);
    return returned;
  }

  void admit_waiting(StepBuilder& builder, Tokens& budget) {
    const auto limit = static_cast<std::size_t>(spec_.max_num_seqs);
    std::vector<Sequence*> passed_over;
    while (!waiting_.empty() && budget > Tokens{0} && running_.size() < limit) {
      Sequence& sequence = waiting_.head();
      const Tokens cached = builder.cached_prefix(sequence);
      Tokens tokens = below_threshold(sequence.known() - cached);
      if (!spec_.chunked_prefill && tokens > budget) {
        if (spec_.version != VllmV1Version::v0_11) {
          break;
        }
        // v0.11 looks for a shorter prompt behind it.
        passed_over.push_back(&sequence);
        waiting_.pop_head();
        continue;
      }
      tokens = std::min(tokens, budget);
      // First come, first served: nobody passes a head of the queue that memory blocks.
      if (builder.admit(sequence, terms_for(sequence, cached, tokens)) != Grant::ok) {
        break;
      }
      waiting_.pop_head();
      running_.push_back(&sequence);
      budget -= tokens;
    }
    // One by one to the front: v0.11 leaves them in reversed order.
    for (Sequence* sequence : passed_over) {
      waiting_.put_back(*sequence);
    }
  }

  [[nodiscard]] StepBuilder::Terms terms_for(const Sequence& sequence, Tokens cached,
                                             Tokens tokens) const {
    const bool gate = spec_.reserve_full_prompt && spec_.version != VllmV1Version::v0_11;
    return {.tokens = tokens,
            .cached = cached,
            .must_fit = gate ? std::min(sequence.known(), max_model_len_) : Tokens{0},
            .watermark_applies = !running_.empty()};
  }

  VllmV1Spec spec_;
  Tokens max_model_len_;
  std::int64_t stages_;
  std::vector<Sequence*> running_;  // in order of admission
  VllmV1Queue waiting_;
};

}  // namespace

std::unique_ptr<BatchPolicy> make_policy(const VllmV1Spec& spec, const PolicyContext& context) {
  return std::make_unique<VllmV1>(spec, context);
}

}  // namespace tessera
