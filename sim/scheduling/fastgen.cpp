// DeepSpeed-FastGen's Dynamic SplitFuse (DeepSpeed-MII, mii/batching/ragged_batching.py): a step of
// at most max_ragged_batch_size tokens takes a token of every sequence that generates, then
// prompts, first come first served, the last of them split. A prompt is begun, and gone on with,
// only while all that is left of it fits the free KV blocks; its memory is taken chunk by chunk.
//
// When nothing can be scheduled though sequences wait, they deadlock over memory: the last one that
// holds KV is flushed, goes to the back of the queue, and is computed again.
#include <algorithm>
#include <deque>
#include <vector>

#include "tessera/core/contract.hpp"
#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {
namespace {

class FastGen final : public BatchPolicy {
 public:
  FastGen(const FastGenSpec& spec, const PolicyContext& context)
      : spec_(spec), block_size_(context.block_size) {}

  void enqueue(Sequence& sequence) override { prompts_.push_back(&sequence); }

  void schedule(StepBuilder& builder) override {
    while (true) {
      schedule_decodes(builder);
      schedule_prompts(builder);
      if (!builder.is_empty() || !flush_last(builder)) {
        return;
      }
    }
  }

  void retire(const std::vector<Sequence*>& finished, std::vector<Sequence*>& leaving) override {
    leaving.insert(leaving.end(), finished.begin(), finished.end());
    std::erase_if(generating_, [](const Sequence* sequence) { return sequence->finished(); });
  }

  [[nodiscard]] Withdrawal withdraw(Sequence& sequence) override {
    std::erase(generating_, &sequence);
    std::erase(prompts_, &sequence);
    return Withdrawal::leaves;
  }

  [[nodiscard]] Repeats repeats() const override { return {.steps = Repeats::forever}; }

  [[nodiscard]] QueueSizes sizes() const override {
    const auto begun = std::count_if(prompts_.begin(), prompts_.end(), is_running);
    return {.running = static_cast<std::int64_t>(generating_.size()) + begun,
            .waiting = static_cast<std::int64_t>(prompts_.size()) - begun};
  }

  [[nodiscard]] const Sequence* head_of_queue() const override {
    const auto head = std::find_if_not(prompts_.begin(), prompts_.end(), is_running);
    return head == prompts_.end() ? nullptr : *head;
  }

 private:
  static bool is_running(const Sequence* sequence) {
    return sequence->state == SequenceState::running;
  }

  void schedule_decodes(StepBuilder& builder) {
    num_scheduled_ = 0;
    room_ = spec_.max_ragged_batch_size;
    // Who was left out goes first in the next step.
    std::vector<Sequence*> left_out;
    std::vector<Sequence*> scheduled;
    for (Sequence* sequence : generating_) {
      const bool fits = num_scheduled_ < spec_.max_ragged_sequence_count && room_ > Tokens{0};
      if (fits && builder.schedule(*sequence, Tokens{1}) == Grant::ok) {
        --room_;
        ++num_scheduled_;
        scheduled.push_back(sequence);
      } else {
        left_out.push_back(sequence);
      }
    }
    generating_ = std::move(left_out);
    generating_.insert(generating_.end(), scheduled.begin(), scheduled.end());
  }

  void schedule_prompts(StepBuilder& builder) {
    while (!prompts_.empty() && room_ > Tokens{0} &&
           num_scheduled_ < spec_.max_ragged_sequence_count) {
      Sequence& sequence = *prompts_.front();
      const Tokens left = sequence.known() - sequence.computed;
      const Tokens tokens = std::min(left, room_);
      if (!schedule_chunk(builder, sequence, tokens)) {
        return;
      }
      room_ -= tokens;
      ++num_scheduled_;
      if (tokens < left) {
        return;
      }
      prompts_.pop_front();
      generating_.push_back(&sequence);
    }
  }

  bool schedule_chunk(StepBuilder& builder, Sequence& sequence, Tokens tokens) {
    if (!is_running(&sequence)) {
      // Who is flushed in this step waits for the next one.
      if (builder.has_preempted()) {
        return false;
      }
      return builder.admit(sequence, {.tokens = tokens, .must_fit = sequence.known()}) == Grant::ok;
    }
    const std::int64_t more =
        divide_up(sequence.known(), block_size_) - divide_up(sequence.computed, block_size_);
    if (Blocks{more} > builder.free_blocks()) {
      return false;
    }
    const Grant grant = builder.schedule_chunk(sequence, tokens);
    TESSERA_INVARIANT(grant == Grant::ok, "the free blocks hold the rest of the prompt");
    return true;
  }

  // Whether there was one.
  bool flush_last(StepBuilder& builder) {
    if (!generating_.empty()) {
      Sequence& last = *generating_.back();
      generating_.pop_back();
      builder.preempt(last);
      prompts_.push_back(&last);
      return true;
    }
    if (prompts_.empty() || !is_running(prompts_.front())) {
      return false;
    }
    builder.preempt(*prompts_.front());
    return true;
  }

  FastGenSpec spec_;
  Tokens block_size_;
  std::vector<Sequence*> generating_;
  std::deque<Sequence*> prompts_;  // the first may have begun
  Tokens room_{0};                 // in the step that is being built
  std::int64_t num_scheduled_ = 0;
};

}  // namespace

std::unique_ptr<BatchPolicy> make_policy(const FastGenSpec& spec, const PolicyContext& context) {
  return std::make_unique<FastGen>(spec, context);
}

}  // namespace tessera
