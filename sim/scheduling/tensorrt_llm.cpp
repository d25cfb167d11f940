// TensorRT-LLM's in-flight batching (cpp/tensorrt_llm/batch_manager: capacityScheduler.cpp and
// microBatchScheduler.cpp, and getRemainingBlocksToCompletion and getNeededBlocksOneStep of
// kvCacheManager.cpp; of 2025), without block reuse.
//
// All requests stand in one list, by arrival. First the capacity scheduler chooses who has the
// memory to be in the next step:
//   guaranteed_no_evict  all who generate, and then others in order, as long as the free blocks
//   hold
//                        what each of the chosen would yet take if it reached its output's limit;
//   static_batch         the same, but others only where nobody generates;
//   max_utilization      in order, as long as the free blocks hold the next step of all; for one
//                        that does not fit, the last one in the list that has begun is paused: it
//                        loses its blocks, keeps its place, and is computed again.
// Then the micro-batch scheduler fills max_num_tokens: a token of each who generates, then prompts
// in order, the last of them split at a block's end. A prompt gets the blocks of all its tokens
// when its first chunk is computed.
#include <algorithm>
#include <vector>

#include "tessera/core/contract.hpp"
#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {
namespace {

class TensorRtLlm final : public BatchPolicy {
 public:
  TensorRtLlm(const TensorRtLlmSpec& spec, const PolicyContext& context)
      : spec_(spec), block_size_(context.block_size), pool_(context.kv_capacity) {}

  [[nodiscard]] bool can_ever_admit(const Sequence& sequence) const override {
    return spec_.capacity_scheduler_policy == CapacityPolicy::max_utilization ||
           blocks_to_completion(sequence) <= blocks_of(pool_);
  }

  void enqueue(Sequence& sequence) override { requests_.push_back(&sequence); }

  void schedule(StepBuilder& builder) override {
    std::vector<Sequence*> chosen;
    if (spec_.capacity_scheduler_policy == CapacityPolicy::max_utilization) {
      chosen = fit_next_step(builder);
    } else {
      chosen = fit_to_completion(builder);
    }
    schedule_micro_batch(builder, chosen);
    all_chosen_computed_ = std::all_of(chosen.begin(), chosen.end(),
                                       [](const Sequence* sequence) { return sequence->in_step; });
  }

  void retire(const std::vector<Sequence*>& finished, std::vector<Sequence*>& leaving) override {
    leaving.insert(leaving.end(), finished.begin(), finished.end());
    std::erase_if(requests_, [](const Sequence* sequence) { return sequence->finished(); });
  }

  [[nodiscard]] Withdrawal withdraw(Sequence& sequence) override {
    std::erase(requests_, &sequence);
    return Withdrawal::leaves;
  }

  // What the chosen would yet take sinks by what they take; who waits needs no less. Who was chosen
  // and found no room may be chosen no more.
  [[nodiscard]] Repeats repeats() const override {
    return {.steps = all_chosen_computed_ ? Repeats::forever : 0};
  }

  [[nodiscard]] QueueSizes sizes() const override {
    const auto running = std::count_if(requests_.begin(), requests_.end(), has_begun);
    return {.running = running, .waiting = static_cast<std::int64_t>(requests_.size()) - running};
  }

  [[nodiscard]] const Sequence* head_of_queue() const override {
    const auto head = std::find_if_not(requests_.begin(), requests_.end(), has_begun);
    return head == requests_.end() ? nullptr : *head;
  }

 private:
  static bool has_begun(const Sequence* sequence) {
    return sequence->state == SequenceState::running;
  }
  static bool generates(const Sequence* sequence) {
    return has_begun(sequence) && !sequence->prefilling;
  }

  [[nodiscard]] Blocks blocks_of(Tokens entries) const {
    return Blocks{divide_up(entries, block_size_)};
  }
  // A prompt's blocks were taken at once.
  [[nodiscard]] Blocks blocks_held(const Sequence& sequence) const {
    if (!has_begun(&sequence)) {
      return Blocks{0};
    }
    return blocks_of(sequence.prefilling ? sequence.known() : sequence.computed);
  }
  [[nodiscard]] Blocks blocks_to_completion(const Sequence& sequence) const {
    return blocks_of(sequence.request.prompt + sequence.output_limit()) - blocks_held(sequence);
  }
  [[nodiscard]] Blocks blocks_for_next_step(const Sequence& sequence) const {
    return blocks_of(sequence.known()) - blocks_held(sequence);
  }
  [[nodiscard]] bool is_full(const std::vector<Sequence*>& chosen) const {
    return static_cast<std::int64_t>(chosen.size()) >= spec_.max_batch_size;
  }

  [[nodiscard]] std::vector<Sequence*> fit_to_completion(StepBuilder& builder) const {
    Blocks available = builder.free_blocks();
    std::vector<Sequence*> chosen;
    std::vector<Sequence*> pending;
    for (Sequence* sequence : requests_) {
      if (is_full(chosen)) {
        break;
      }
      if (generates(sequence)) {
        chosen.push_back(sequence);
        available -= blocks_to_completion(*sequence);
      } else {
        pending.push_back(sequence);
      }
    }
    const bool joins = spec_.capacity_scheduler_policy == CapacityPolicy::guaranteed_no_evict;
    if (!joins && !chosen.empty()) {
      return chosen;
    }
    for (Sequence* sequence : pending) {
      const Blocks needed = blocks_to_completion(*sequence);
      if (is_full(chosen)) {
        break;
      }
      if (needed > available) {
        builder.refuse_for_memory();
        break;
      }
      chosen.push_back(sequence);
      available -= needed;
    }
    return chosen;
  }

  [[nodiscard]] std::vector<Sequence*> fit_next_step(StepBuilder& builder) const {
    Blocks available = builder.free_blocks();
    std::vector<Sequence*> chosen;
    auto end = requests_.end();
    for (auto next = requests_.begin(); next != end;) {
      const Blocks needed = blocks_for_next_step(**next);
      if (!is_full(chosen) && needed <= available) {
        available -= needed;
        chosen.push_back(*next);
        ++next;
        continue;
      }
      const auto victim = std::find_if(std::make_reverse_iterator(end),
                                       std::make_reverse_iterator(next), has_begun);
      if (victim == std::make_reverse_iterator(next)) {
        builder.refuse_for_memory();
        break;
      }
      available += blocks_held(**victim);
      builder.preempt(**victim);
      end = std::next(victim).base();
    }
    return chosen;
  }

  void schedule_micro_batch(StepBuilder& builder, const std::vector<Sequence*>& chosen) {
    Tokens room = spec_.max_num_tokens;
    for (Sequence* sequence : chosen) {
      if (generates(sequence) && room > Tokens{0}) {
        const Grant grant = builder.schedule(*sequence, Tokens{1});
        TESSERA_INVARIANT(grant == Grant::ok, "who was chosen has the memory for a token");
        --room;
      }
    }
    for (Sequence* sequence : chosen) {
      if (sequence->in_step) {
        continue;
      }
      const Tokens tokens = context_tokens(*sequence, room);
      if (tokens == Tokens{0} || generates(sequence)) {
        break;
      }
      compute_context(builder, *sequence, tokens);
      room -= tokens;
    }
  }

  // Of a prompt, what a step with that much room computes.
  [[nodiscard]] Tokens context_tokens(const Sequence& sequence, Tokens room) const {
    const Tokens left = sequence.known() - sequence.computed;
    if (left <= room) {
      return left;
    }
    return spec_.enable_chunked_context ? block_size_ * (room / block_size_) : Tokens{0};
  }

  void compute_context(StepBuilder& builder, Sequence& sequence, Tokens tokens) {
    const Grant grant =
        has_begun(&sequence)
            ? builder.schedule_chunk(sequence, tokens)
            : builder.admit(sequence, {.tokens = tokens, .reserved = sequence.known()});
    TESSERA_INVARIANT(grant == Grant::ok, "who was chosen has the memory for its prompt");
  }

  TensorRtLlmSpec spec_;
  Tokens block_size_;
  Tokens pool_;
  std::vector<Sequence*> requests_;  // by arrival
  bool all_chosen_computed_ = false;
};

}  // namespace

std::unique_ptr<BatchPolicy> make_policy(const TensorRtLlmSpec& spec,
                                         const PolicyContext& context) {
  return std::make_unique<TensorRtLlm>(spec, context);
}

}  // namespace tessera
