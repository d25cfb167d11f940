// vLLM v1's scheduler (vllm/v1/core/sched/scheduler.py, main of 2026-07, first come first served,
// synchronous). One token budget serves running sequences in list order, decodes and chunks alike,
// then admits waiting ones; who runs out of KV blocks preempts the last of the running list.
#include <algorithm>
#include <deque>

#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {
namespace {

class VllmV1 final : public BatchPolicy {
 public:
  VllmV1(const VllmV1Spec& spec, const PolicyContext& context)
      : spec_(spec), max_model_len_(context.max_model_len) {}

  void enqueue(Sequence& sequence) override { waiting_.push_back(&sequence); }

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
  }

  [[nodiscard]] QueueSizes sizes() const override {
    return {.running = static_cast<std::int64_t>(running_.size()),
            .waiting = static_cast<std::int64_t>(waiting_.size())};
  }

  [[nodiscard]] const Sequence* head_of_queue() const override {
    return waiting_.empty() ? nullptr : waiting_.front();
  }

 private:
  // A long prompt's share of one step.
  [[nodiscard]] Tokens below_threshold(Tokens tokens) const {
    const Tokens threshold = spec_.long_prefill_token_threshold;
    return threshold > Tokens{0} ? std::min(tokens, threshold) : tokens;
  }

  void schedule_running(StepBuilder& builder, Tokens& budget) {
    for (std::size_t i = 0; i < running_.size() && budget > Tokens{0}; ++i) {
      Sequence& sequence = *running_[i];
      const Tokens tokens = std::min({below_threshold(sequence.remaining()), budget,
                                      max_model_len_ - Tokens{1} - sequence.computed});
      if (!schedule_or_preempt(builder, sequence, tokens)) {
        return;
      }
      budget -= tokens;
    }
  }

  // Preempts from the back of the running list until `sequence` has its memory. False when it was
  // itself the last one.
  bool schedule_or_preempt(StepBuilder& builder, Sequence& sequence, Tokens tokens) {
    while (builder.schedule(sequence, tokens) != Grant::ok) {
      Sequence& victim = *running_.back();
      running_.pop_back();
      builder.preempt(victim);
      waiting_.push_front(&victim);
      if (&victim == &sequence) {
        return false;
      }
    }
    return true;
  }

  void admit_waiting(StepBuilder& builder, Tokens& budget) {
    const auto limit = static_cast<std::size_t>(spec_.max_num_seqs);
    while (!waiting_.empty() && budget > Tokens{0} && running_.size() < limit) {
      Sequence& sequence = *waiting_.front();
      const Tokens cached = builder.cached_prefix(sequence);
      Tokens tokens = below_threshold(sequence.known() - cached);
      if (!spec_.chunked_prefill && tokens > budget) {
        return;
      }
      tokens = std::min(tokens, budget);
      const Tokens whole_prompt = std::min(sequence.known(), max_model_len_);
      const StepBuilder::Terms terms{
          .tokens = tokens,
          .cached = cached,
          .must_fit = spec_.reserve_full_prompt ? whole_prompt : Tokens{0},
          .others_running = !running_.empty()};
      // First come, first served: nobody passes a blocked head of the queue.
      if (builder.admit(sequence, terms) != Grant::ok) {
        return;
      }
      waiting_.pop_front();
      running_.push_back(&sequence);
      budget -= tokens;
    }
  }

  VllmV1Spec spec_;
  Tokens max_model_len_;
  std::vector<Sequence*> running_;   // in order of admission
  std::deque<Sequence*> waiting_;    // preempted ones in front
};

}  // namespace

std::unique_ptr<BatchPolicy> make_policy(const VllmV1Spec& spec, const PolicyContext& context) {
  return std::make_unique<VllmV1>(spec, context);
}

}  // namespace tessera
