// vLLM v0's scheduler (vllm/core/scheduler.py; v0.2.7, v0.4.0 and v0.6.3.post1).
//
// By default a step is either prefill or decode: waiting prompts go first, whole, while they fit;
// only a step that admits nobody decodes. With chunked prefill running sequences go first, and
// chunks of prompts fill up the step. A decode needs a free block, even if its last one has room;
// victims come from the back of those not yet visited, and are recomputed or swapped out. Whoever
// is swapped out keeps new prompts from being admitted, and comes back in a step without
// preemption. A request of several sequences (parallel sampling, or the beams of a search, which
// vLLM moved out of its engine in 0.6.3) counts as so many, wants so many free blocks to decode,
// and is swapped out where its memory is taken. With prefix caching neither the budget nor the
// memory that an admission asks for looks at what is cached.
#include <algorithm>
#include <tuple>

#include "sim/scheduling/recompute_preemption.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/core/diagnostic.hpp"

namespace tessera {
namespace {

bool more_urgent(const Sequence* a, const Sequence* b) {
  return std::tuple(a->request.priority, a->request.arrival) <
         std::tuple(b->request.priority, b->request.arrival);
}

std::int64_t num_sequences(const std::deque<Sequence*>& requests) {
  std::int64_t sum = 0;
  for (const Sequence* request : requests) {
    sum += request->request.num_sequences;
  }
  return sum;
}

// What a step may still take in.
struct Budget {
  Tokens tokens{0};
  std::int64_t sequences = 0;
};

class VllmV0 final : public BatchPolicy {
 public:
  VllmV0(const VllmV0Spec& spec, const PolicyContext& context)
      : spec_(spec), block_size_(context.block_size) {}

  void enqueue(Sequence& sequence) override { waiting_.push_back(&sequence); }

  void schedule(StepBuilder& builder) override {
    head_before_ = waiting_.empty() ? nullptr : waiting_.front();
    if (spec_.chunked_prefill) {
      schedule_chunked(builder);
    } else {
      schedule_default(builder);
    }
  }

  void retire(const std::vector<Sequence*>& finished, std::vector<Sequence*>& leaving) override {
    leaving.insert(leaving.end(), finished.begin(), finished.end());
    std::erase_if(running_, [](const Sequence* sequence) { return sequence->finished(); });
  }

  [[nodiscard]] Withdrawal withdraw(Sequence& sequence) override {
    std::erase(running_, &sequence);
    std::erase(waiting_, &sequence);
    std::erase(swapped_, &sequence);
    return Withdrawal::leaves;
  }

  // By priority the queue is sorted once its head has been refused: the next step asks for another.
  [[nodiscard]] Repeats repeats() const override {
    const bool same_head = waiting_.empty() || waiting_.front() == head_before_;
    return {.steps = same_head ? Repeats::forever : 0, .kept_free = Blocks{1}};
  }

  [[nodiscard]] QueueSizes sizes() const override {
    return {.running = static_cast<std::int64_t>(running_.size()),
            .waiting = static_cast<std::int64_t>(waiting_.size()),
            .swapped = static_cast<std::int64_t>(swapped_.size())};
  }

  [[nodiscard]] const Sequence* head_of_queue() const override {
    return waiting_.empty() ? nullptr : waiting_.front();
  }

 private:
  void schedule_default(StepBuilder& builder) {
    const std::int64_t running = num_sequences(running_);
    Budget budget{spec_.max_num_batched_tokens, spec_.max_num_seqs - running};
    if (swapped_.empty()) {
      const std::vector<Sequence*> admitted = admit_waiting(builder, budget);
      running_.insert(running_.end(), admitted.begin(), admitted.end());
    }
    if (!builder.is_empty()) {
      return;
    }
    if (spec_.order == Order::priority) {
      preempt_for_urgent_head(builder, budget);
    } else if (spec_.version != VllmV0Version::v0_6) {
      sort_by_arrival(running_);
    }
    Visited visited = visit_running(builder, budget);
    running_ = std::move(visited.unvisited);
    running_.insert(running_.end(), visited.decodes.begin(), visited.decodes.end());
    if (!builder.has_preempted()) {
      const std::vector<Sequence*> returned = swap_in(builder, budget);
      running_.insert(running_.end(), returned.begin(), returned.end());
    }
    queue_victims(visited);
  }

  void schedule_chunked(StepBuilder& builder) {
    Budget budget{spec_.max_num_batched_tokens, spec_.max_num_seqs};
    Visited visited = visit_running(builder, budget);
    running_ = std::move(visited.unvisited);
    if (!builder.has_preempted()) {
      const std::vector<Sequence*> returned = swap_in(builder, budget);
      running_.insert(running_.end(), returned.begin(), returned.end());
    }
    const std::vector<Sequence*> admitted = admit_waiting(builder, budget);
    running_.insert(running_.end(), visited.decodes.begin(), visited.decodes.end());
    running_.insert(running_.end(), visited.prefills.begin(), visited.prefills.end());
    running_.insert(running_.end(), admitted.begin(), admitted.end());
    // Only now: victims of this step are not admitted in it.
    queue_victims(visited);
  }

  // What became of the running list.
  struct Visited {
    std::deque<Sequence*> unvisited;  // the budget ended before them
    std::vector<Sequence*> decodes;
    std::vector<Sequence*> prefills;
    std::vector<Sequence*> recomputed;
    std::vector<Sequence*> swapped_out;
  };

  Visited visit_running(StepBuilder& builder, Budget& budget) {
    Visited visited;
    visited.unvisited = std::move(running_);
    running_.clear();
    while (!visited.unvisited.empty() && (budget.tokens > Tokens{0} || !spec_.chunked_prefill)) {
      Sequence& sequence = *visited.unvisited.front();
      visited.unvisited.pop_front();
      if (make_room(builder, sequence, visited)) {
        visit(builder, sequence, visited, budget);
      }
    }
    return visited;
  }

  void visit(StepBuilder& builder, Sequence& sequence, Visited& visited, Budget& budget) {
    if (sequence.prefilling) {
      const Tokens tokens = std::min(sequence.remaining(), budget.tokens);
      const Grant grant = builder.schedule_chunk(sequence, tokens);
      TESSERA_INVARIANT(grant == Grant::ok, "a prompt's memory is allocated at its admission");
      visited.prefills.push_back(&sequence);
      budget.tokens -= tokens;
    } else {
      const Grant grant = builder.schedule(sequence, Tokens{1});
      TESSERA_INVARIANT(grant == Grant::ok, "a free block serves a decode");
      visited.decodes.push_back(&sequence);
      budget.tokens -= Tokens{sequence.request.num_sequences};
    }
    // The default mode has counted all running sequences beforehand.
    budget.sequences -= spec_.chunked_prefill ? 1 : 0;
  }

  // Preempts until there is a block for the next token. False when `sequence` itself had to go.
  bool make_room(StepBuilder& builder, Sequence& sequence, Visited& visited) {
    while (touches_a_block(sequence) && !builder.has_free_blocks_for(sequence)) {
      if (visited.unvisited.empty()) {
        take_memory(builder, sequence, visited);
        return false;
      }
      Sequence& victim = *visited.unvisited.back();
      visited.unvisited.pop_back();
      take_memory(builder, victim, visited);
    }
    return true;
  }

  // v0.6's block table counts the last block of its tokens as touched, but for a prompt that has
  // all its blocks and ends with a full one.
  [[nodiscard]] bool touches_a_block(const Sequence& sequence) const {
    return !sequence.prefilling || sequence.known() % block_size_ != Tokens{0};
  }

  void take_memory(StepBuilder& builder, Sequence& victim, Visited& visited) const {
    const bool is_group = victim.request.num_sequences > 1;
    const bool swaps = spec_.preemption == Preemption::swap || is_group;
    if (swaps && builder.swap_out(victim) == Grant::ok) {
      visited.swapped_out.push_back(&victim);
    } else if (is_group) {
      throw BadInput(Place{"engine.memory.swap_space"},
                     "host memory is full, and a request of several sequences cannot be computed "
                     "again: vLLM v0 ends here; give it more swap_space");
    } else {
      builder.preempt(victim);
      visited.recomputed.push_back(&victim);
    }
  }

  void queue_victims(const Visited& visited) {
    for (Sequence* victim : visited.recomputed) {
      waiting_.push_front(victim);
    }
    swapped_.insert(swapped_.end(), visited.swapped_out.begin(), visited.swapped_out.end());
  }

  // Brings back those who were swapped out, in order, while they fit.
  std::vector<Sequence*> swap_in(StepBuilder& builder, Budget& budget) {
    std::vector<Sequence*> returned;
    while (!swapped_.empty() && budget.tokens > Tokens{0} &&
           budget.sequences >= swapped_.front()->request.num_sequences) {
      Sequence& sequence = *swapped_.front();
      if (builder.swap_in(sequence) != Grant::ok) {
        break;
      }
      swapped_.pop_front();
      Visited as_running;
      visit(builder, sequence, as_running, budget);
      budget.sequences -= spec_.chunked_prefill ? 0 : sequence.request.num_sequences;
      returned.push_back(&sequence);
    }
    return returned;
  }

  std::vector<Sequence*> admit_waiting(StepBuilder& builder, Budget& budget) {
    std::vector<Sequence*> admitted;
    Tokens longest{0};
    Tokens total{0};
    while (!waiting_.empty() && budget.sequences >= waiting_.front()->request.num_sequences) {
      Sequence& sequence = *waiting_.front();
      const Tokens tokens =
          spec_.chunked_prefill ? std::min(sequence.known(), budget.tokens) : sequence.known();
      longest = std::max(longest, tokens);
      total += tokens;
      const auto rows = static_cast<std::int64_t>(admitted.size()) + 1;
      if (tokens == Tokens{0} || tokens > budget.tokens || pads_too_much(rows, longest, total) ||
          builder.admit(sequence, terms_for(builder, sequence, tokens)) != Grant::ok) {
        break;
      }
      waiting_.pop_front();
      admitted.push_back(&sequence);
      budget.tokens -= tokens;
      budget.sequences -= sequence.request.num_sequences;
    }
    return admitted;
  }

  // v0.2 computes a step's prompts as one padded matrix.
  [[nodiscard]] bool pads_too_much(std::int64_t rows, Tokens longest, Tokens total) const {
    const Tokens padded = longest * rows;
    return spec_.version == VllmV0Version::v0_2 &&
           (padded > spec_.max_num_batched_tokens || padded - total > spec_.max_paddings);
  }

  // What is cached counts as if it were computed.
  [[nodiscard]] static StepBuilder::Terms terms_for(const StepBuilder& builder,
                                                    const Sequence& sequence, Tokens tokens) {
    const Tokens cached = tokens == sequence.known() ? builder.cached_prefix(sequence) : Tokens{0};
    return {.tokens = tokens - cached,
            .cached = cached,
            .cached_in_budget = cached,
            .reserved = sequence.known(),
            .watermark_applies = true};
  }

  // By priority, the least urgent running sequences give way while the head of the queue, which is
  // as yet unsorted, is more urgent and does not fit. It is admitted in the next step.
  void preempt_for_urgent_head(StepBuilder& builder, Budget& budget) {
    std::stable_sort(running_.begin(), running_.end(), more_urgent);
    if (waiting_.empty()) {
      return;
    }
    Sequence& head = *waiting_.front();
    waiting_.pop_front();
    while (!running_.empty() && more_urgent(&head, running_.back()) &&
           !fits(builder, head, budget)) {
      Sequence& victim = *running_.back();
      running_.pop_back();
      builder.preempt(victim);
      waiting_.push_front(&victim);
      budget.sequences += victim.request.num_sequences;
    }
    waiting_.push_front(&head);
    std::stable_sort(waiting_.begin(), waiting_.end(), more_urgent);
  }

  [[nodiscard]] static bool fits(StepBuilder& builder, const Sequence& sequence,
                                 const Budget& budget) {
    return sequence.known() <= budget.tokens && budget.sequences > 0 &&
           builder.could_admit(sequence, terms_for(builder, sequence, sequence.known()));
  }

  VllmV0Spec spec_;
  Tokens block_size_;
  std::deque<Sequence*> running_;
  std::deque<Sequence*> waiting_;
  std::deque<Sequence*> swapped_;
  const Sequence* head_before_ = nullptr;  // of the queue, when the last step was decided
};

}  // namespace

std::unique_ptr<BatchPolicy> make_policy(const VllmV0Spec& spec, const PolicyContext& context) {
  return std::make_unique<VllmV0>(spec, context);
}

}  // namespace tessera
