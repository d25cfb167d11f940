// vLLM v1's scheduler (vllm/v1/core/sched/scheduler.py and async_scheduler.py; v0.11.0, v0.20.1 and
// main of 2026-07). One token budget serves running sequences in list order, decodes and chunks
// alike, then admits waiting ones; who runs out of KV blocks preempts the last of the running list,
// or by priority the least urgent one.
#include <algorithm>
#include <vector>

#include "sim/scheduling/waiting_queue.hpp"
#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {
namespace {

class VllmV1 final : public BatchPolicy {
 public:
  VllmV1(const VllmV1Spec& spec, const PolicyContext& context)
      : spec_(spec),
        max_model_len_(context.max_model_len),
        stages_(context.stages),
        queue_(make_waiting_queue({spec.order, spec.prediction_error}, context)),
        waiting_(*queue_) {}

  void enqueue(Sequence& sequence) override { waiting_.append(sequence); }

  void schedule(StepBuilder& builder) override {
    Tokens budget = spec_.max_num_batched_tokens;
    waiting_.begin_step(running_, builder.now());
    const std::vector<Sequence*> displaced = give_way(builder);
    schedule_running(builder, budget);
    // Whoever preempts for want of memory has none to give away.
    if (builder.num_preempted() == displaced.size()) {
      admit_waiting(builder, budget);
    }
    // Only now: who has just given way is not admitted in the same step.
    for (Sequence* sequence : displaced) {
      waiting_.put_back(*sequence);
    }
  }

  void retire(const std::vector<Sequence*>& finished, std::vector<Sequence*>& leaving) override {
    if (finished.empty()) {
      return;
    }
    leaving.insert(leaving.end(), finished.begin(), finished.end());
    std::erase_if(running_, [](const Sequence* sequence) { return sequence->finished(); });
    for (Sequence* sequence : finished) {
      // Preempted while its last token was in flight.
      if (sequence->state == SequenceState::waiting) {
        waiting_.remove(*sequence);
      }
      waiting_.left(*sequence);
    }
  }

  [[nodiscard]] Withdrawal withdraw(Sequence& sequence) override {
    if (std::erase(running_, &sequence) == 0) {
      waiting_.remove(sequence);
    }
    waiting_.left(sequence);
    return Withdrawal::leaves;
  }

  // Who waits does so for a sequence or for tokens, which do not come free, or for memory, which
  // only gets less. v0.11, which passes over prompts that are too long, turns its queue round.
  [[nodiscard]] Repeats repeats() const override {
    const bool turns = spec_.version == VllmV1Version::v0_11 && !spec_.chunked_prefill;
    if (!waiting_.empty() && (turns || somebody_would_give_way())) {
      return {};
    }
    return waiting_.repeats(running_);
  }
  void repeat(std::int64_t steps, SimTime now) override { waiting_.repeat(running_, steps, now); }

  [[nodiscard]] QueueSizes sizes() const override {
    return {.running = static_cast<std::int64_t>(running_.size()),
            .waiting = static_cast<std::int64_t>(waiting_.size())};
  }

  [[nodiscard]] const Sequence* head_of_queue() const override {
    return waiting_.empty() ? nullptr : &waiting_.head();
  }

 private:
  // Precondition: somebody waits.
  [[nodiscard]] bool somebody_would_give_way() const {
    return waiting_.displaces() && !running_.empty() &&
           waiting_.gives_way(*running_[waiting_.choose_victim(running_)]);
  }

  // A pipeline's first stage cannot compute a token that the last one has not sampled.
  [[nodiscard]] bool waits_for_its_token(const Sequence& sequence) const {
    return stages_ > 1 && sequence.in_flight > Tokens{0};
  }

  // A long prompt's share of one step.
  [[nodiscard]] Tokens below_threshold(Tokens tokens) const {
    const Tokens threshold = spec_.long_prefill_token_threshold;
    return threshold > Tokens{0} ? std::min(tokens, threshold) : tokens;
  }

  // Where the order lets running sequences give way, they do until the head of the queue can run.
  std::vector<Sequence*> give_way(StepBuilder& builder) {
    std::vector<Sequence*> displaced;
    const auto limit = static_cast<std::size_t>(spec_.max_num_seqs);
    while (waiting_.displaces() && !running_.empty() && !waiting_.empty()) {
      const std::size_t victim = waiting_.choose_victim(running_);
      if (!waiting_.gives_way(*running_[victim])) {
        break;
      }
      Sequence& head = waiting_.head();
      const Tokens cached = builder.cached_prefix(head);
      const Tokens tokens =
          std::min(below_threshold(head.known() - cached), spec_.max_num_batched_tokens);
      if (running_.size() < limit && builder.could_admit(head, terms_for(head, cached, tokens))) {
        break;
      }
      displaced.push_back(running_[victim]);
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(victim));
      builder.preempt(*displaced.back());
    }
    return displaced;
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
        const std::size_t victim = waiting_.choose_victim(running_);
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
      waiting_.admitted(sequence);
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
  std::unique_ptr<WaitingQueue> queue_;
  WaitingQueue& waiting_;
};

}  // namespace

std::unique_ptr<BatchPolicy> make_policy(const VllmV1Spec& spec, const PolicyContext& context) {
  return std::make_unique<VllmV1>(spec, context);
}

}  // namespace tessera
