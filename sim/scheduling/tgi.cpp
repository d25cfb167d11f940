// Text Generation Inference's router (backends/v3/src/backend.rs and queue.rs, v2 and v3): a
// request joins only with memory for its prompt and all that it may generate, so nobody is
// preempted.
//
// Without chunked prefill, those who join are prefilled in a step of their own while all others
// wait, which costs them a step: so at least waiting_served_ratio times as many as run must be able
// to join, unless max_waiting_tokens decode steps have passed since the last prefill. Between two
// prefills the batch decodes, except right after the first one of an empty engine. With chunked
// prefill (FlashInfer, flash decoding), prompts join the decodes at every step, the last one split.
#include <algorithm>
#include <cmath>
#include <deque>
#include <optional>
#include <vector>

#include "tessera/core/contract.hpp"
#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {
namespace {

class Tgi final : public BatchPolicy {
 public:
  Tgi(const TgiSpec& spec, const PolicyContext& context)
      : spec_(spec),
        prefill_budget_(round_up(spec.max_batch_prefill_tokens.value_or(context.max_model_len),
                                 context.block_size)),
        total_budget_(spec.max_batch_total_tokens),
        block_size_(context.block_size) {}

  [[nodiscard]] bool can_ever_admit(const Sequence& sequence) const override {
    return !total_budget_ || budget_of(sequence) <= *total_budget_;
  }

  void enqueue(Sequence& sequence) override { waiting_.push_back(&sequence); }

  void schedule(StepBuilder& builder) override {
    if (spec_.chunked_prefill) {
      schedule_mixed(builder);
    } else if (running_.empty()) {
      join(builder, 1, spec_.max_batch_size);
      steps_since_prefill_ = 1;
    } else if (!try_to_interrupt(builder)) {
      decode_all(builder);
      decodes_next_ = false;
      ++steps_since_prefill_;
    }
  }

  void retire(const std::vector<Sequence*>& finished, std::vector<Sequence*>& leaving) override {
    leaving.insert(leaving.end(), finished.begin(), finished.end());
    std::erase_if(running_, [](const Sequence* sequence) { return sequence->finished(); });
  }

  [[nodiscard]] Withdrawal withdraw(Sequence& sequence) override {
    std::erase(running_, &sequence);
    std::erase(waiting_, &sequence);
    return Withdrawal::leaves;
  }

  // Nobody takes memory or gives it back, so who waits does until patience ends, if there is any
  // left. Right after a prefill nobody was asked.
  [[nodiscard]] Repeats repeats() const override {
    if (waiting_.empty() || spec_.chunked_prefill) {
      return {.steps = Repeats::forever};
    }
    const bool was_asked = steps_since_prefill_ > 2;
    const std::int64_t patience = spec_.max_waiting_tokens - steps_since_prefill_;
    return {.steps = !was_asked ? 0 : patience < 0 ? Repeats::forever : patience};
  }
  void repeat(std::int64_t steps, SimTime /*now*/) override { steps_since_prefill_ += steps; }

  [[nodiscard]] QueueSizes sizes() const override {
    return {.running = num_running(), .waiting = static_cast<std::int64_t>(waiting_.size())};
  }

  [[nodiscard]] const Sequence* head_of_queue() const override {
    return waiting_.empty() ? nullptr : waiting_.front();
  }

 private:
  static Tokens budget_of(const Sequence& sequence) {
    return sequence.request.prompt + sequence.output_limit();
  }

  [[nodiscard]] std::int64_t num_running() const {
    return static_cast<std::int64_t>(running_.size());
  }

  bool try_to_interrupt(StepBuilder& builder) {
    if (decodes_next_) {
      return false;
    }
    const bool anyone = steps_since_prefill_ >= spec_.max_waiting_tokens;
    const double share =
        std::floor(static_cast<double>(num_running()) * spec_.waiting_served_ratio);
    const std::int64_t enough = anyone ? 1 : std::max<std::int64_t>(std::llround(share), 1);
    if (!join(builder, enough, spec_.max_batch_size - num_running())) {
      return false;
    }
    steps_since_prefill_ = 1;
    decodes_next_ = true;
    return true;
  }

  // Takes in as many as can join, if they are at least `enough`. Whether anybody was.
  bool join(StepBuilder& builder, std::int64_t enough, std::int64_t most) {
    if (static_cast<std::int64_t>(waiting_.size()) < enough) {
      return false;
    }
    const std::vector<StepBuilder::Candidate> candidates = within_budgets(most);
    const std::size_t joining = builder.could_admit_together(candidates);
    if (joining == 0 || static_cast<std::int64_t>(joining) < enough) {
      return false;
    }
    for (std::size_t i = 0; i < joining; ++i) {
      admit(builder, waiting_.front()->known());
    }
    return true;
  }

  // Those in front of the queue whose prompts fit one step, and whose budgets fit all that run.
  [[nodiscard]] std::vector<StepBuilder::Candidate> within_budgets(std::int64_t most) const {
    std::vector<StepBuilder::Candidate> candidates;
    Tokens prompts{0};
    Tokens budgets = total_of_running();
    for (const Sequence* sequence : waiting_) {
      prompts += sequence->known();
      budgets += budget_of(*sequence);
      if (static_cast<std::int64_t>(candidates.size()) >= most || prompts > prefill_budget_ ||
          (total_budget_ && budgets > *total_budget_)) {
        break;
      }
      candidates.push_back({sequence, {.tokens = sequence->known()}});
    }
    return candidates;
  }

  // Once it runs, a sequence counts with the blocks that it owns (flash_causal_lm.py's max_tokens).
  [[nodiscard]] Tokens total_of_running() const {
    Tokens total{0};
    for (const Sequence* sequence : running_) {
      total += round_up(budget_of(*sequence) - Tokens{1}, block_size_);
    }
    return total;
  }

  // The head of the queue, of whose prompt this step computes `tokens`.
  Grant admit(StepBuilder& builder, Tokens tokens) {
    Sequence& sequence = *waiting_.front();
    const Grant grant = builder.admit(sequence, {.tokens = tokens, .must_fit = sequence.known()});
    if (grant == Grant::ok) {
      waiting_.pop_front();
      running_.push_back(&sequence);
    }
    return grant;
  }

  void decode_all(StepBuilder& builder) {
    for (Sequence* sequence : running_) {
      const Grant grant = builder.schedule(*sequence, Tokens{1});
      TESSERA_INVARIANT(grant == Grant::ok, "a reservation holds its sequence to the end");
    }
  }

  void schedule_mixed(StepBuilder& builder) {
    Tokens room = prefill_budget_;
    for (Sequence* sequence : running_) {
      const bool decodes = sequence->remaining() == Tokens{1};
      const Tokens tokens = decodes ? Tokens{1} : std::min(sequence->remaining(), room);
      if (tokens <= Tokens{0}) {
        continue;
      }
      const Grant grant = builder.schedule(*sequence, tokens);
      TESSERA_INVARIANT(grant == Grant::ok, "a reservation holds its sequence to the end");
      room -= tokens;
    }
    Tokens budgets = total_of_running();
    while (!waiting_.empty() && room > Tokens{0} && num_running() < spec_.max_batch_size) {
      budgets += budget_of(*waiting_.front());
      const Tokens tokens = std::min(waiting_.front()->known(), room);
      if ((total_budget_ && budgets > *total_budget_) || admit(builder, tokens) != Grant::ok) {
        return;
      }
      room -= tokens;
    }
  }

  TgiSpec spec_;
  Tokens prefill_budget_;
  std::optional<Tokens> total_budget_;
  Tokens block_size_;
  std::vector<Sequence*> running_;
  std::deque<Sequence*> waiting_;
  std::int64_t steps_since_prefill_ = 0;  // TGI's waiting_tokens
  bool decodes_next_ = false;
};

}  // namespace

std::unique_ptr<BatchPolicy> make_policy(const TgiSpec& spec, const PolicyContext& context) {
  return std::make_unique<Tgi>(spec, context);
}

}  // namespace tessera
