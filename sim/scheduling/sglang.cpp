// SGLang's scheduler (python/sglang/srt/managers: scheduler.py, and PrefillAdder of
// schedule_policy.py; of 2025) with neither overlap nor mixed chunks. A step prefills if anybody
// can be taken in, else it decodes all who run.
//
// A request is taken in if what it prefills and the limit of its output (at most 4096, and a page)
// stay below the memory that is free or evictable, less what the running ones are expected to add:
// their outputs' limits times a ratio. The ratio starts at 0.7 and falls with every decode step, in
// 600 of them to 0.14 of that. Once one was refused for want of memory, nobody is looked at until
// somebody has left.
//
// When a decode step does not fit, running requests are retracted until 20 tokens of each of the
// others fit: the one with the fewest outputs first, of equals the one with the longest prompt.
// They go to the back of the queue and are computed again, and the ratio is estimated anew.
//
// A prompt that is longer than what is left of chunked_prefill_size is split; one at a time is.
#include <algorithm>
#include <cmath>
#include <vector>

#include "sim/scheduling/sglang_queue.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

constexpr double first_ratio = 0.7;
constexpr double least_of_first_ratio = 0.14;
constexpr double decay_steps = 600.0;
constexpr Tokens longest_estimate{4096};
constexpr Tokens retract_decode_steps{20};

class Sglang final : public BatchPolicy {
 public:
  Sglang(const SglangSpec& spec, const PolicyContext& context)
      : spec_(spec),
        page_(context.block_size),
        pool_(context.kv_capacity),
        start_ratio_(std::min(first_ratio * spec.schedule_conservativeness, 1.0)),
        ratio_(start_ratio_),
        waiting_(spec.schedule_policy) {}

  [[nodiscard]] bool can_ever_admit(const Sequence& sequence) const override {
    // Retracted, it prefills what it has generated, too.
    return round_up(sequence.request.prompt + sequence.output, page_) + page_ < pool_;
  }

  void enqueue(Sequence& sequence) override {
    if (sizes().empty()) {
      ratio_ = start_ratio_;
    }
    waiting_.push_back(sequence);
  }

  void schedule(StepBuilder& builder) override {
    if (running_.empty() && chunked_ == nullptr) {
      is_full_ = false;
    }
    has_looked_ = chunked_ != nullptr || (!waiting_.empty() && !is_full_);
    if (has_looked_) {
      prefill(builder);
    }
    if (builder.is_empty() && !running_.empty()) {
      decode(builder);
    }
  }

  void retire(const std::vector<Sequence*>& finished, std::vector<Sequence*>& leaving) override {
    leaving.insert(leaving.end(), finished.begin(), finished.end());
    std::erase_if(running_, [](const Sequence* sequence) { return sequence->finished(); });
    is_full_ = is_full_ && finished.empty();
  }

  [[nodiscard]] Withdrawal withdraw(Sequence& sequence) override {
    std::erase(running_, &sequence);
    waiting_.remove(sequence);
    chunked_ = chunked_ == &sequence ? nullptr : chunked_;
    is_full_ = false;
    return Withdrawal::leaves;
  }

  // The ratio falls, and with it what the running ones are expected to add: that decides nothing
  // where nobody is looked at.
  [[nodiscard]] Repeats repeats() const override {
    return {.steps = has_looked_ ? 0 : Repeats::forever};
  }
  void repeat(std::int64_t steps, SimTime /*now*/) override {
    for (; steps > 0; --steps) {
      lower_ratio();
    }
  }

  [[nodiscard]] QueueSizes sizes() const override {
    return {.running = num_running() + (chunked_ != nullptr ? 1 : 0),
            .waiting = static_cast<std::int64_t>(waiting_.size())};
  }

  [[nodiscard]] const Sequence* head_of_queue() const override {
    return waiting_.empty() ? nullptr : waiting_.in_order().front();
  }

 private:
  // What a step that prefills may still take in, in tokens.
  struct Room {
    double expected = 0.0;  // that those who run, or have been taken in, will add
    Tokens prompts{0};
    std::optional<Tokens> chunk;  // nothing: prompts are not split
    bool has_any = false;         // somebody has been taken in

    void take(Tokens prompt, Tokens output) {
      expected += static_cast<double>(output.count());
      prompts -= prompt;
      if (chunk) {
        *chunk -= prompt;
      }
      has_any = true;
    }
    [[nodiscard]] bool is_used_up() const {
      return prompts <= Tokens{0} || (chunk && *chunk <= Tokens{0});
    }
  };

  [[nodiscard]] std::int64_t num_running() const {
    return static_cast<std::int64_t>(running_.size());
  }
  // What is left of its output's limit, which SGLang cuts to what the pool holds.
  [[nodiscard]] Tokens expected_output(const Sequence& sequence) const {
    const Tokens cut = pool_ - page_ * 2 - sequence.request.prompt;
    const Tokens left = std::min(sequence.output_limit(), cut) - sequence.generated;
    return std::clamp(left, Tokens{0}, longest_estimate);
  }

  void prefill(StepBuilder& builder) {
    if (num_running() >= spec_.max_running_requests && chunked_ == nullptr) {
      is_full_ = true;
      return;
    }
    waiting_.sort(builder);
    Room room{.prompts = spec_.max_prefill_tokens, .chunk = spec_.chunked_prefill_size};
    for (const Sequence* sequence : running_) {
      room.expected += static_cast<double>(expected_output(*sequence).count()) * ratio_;
    }
    if (chunked_ != nullptr && !continue_chunked(builder, room)) {
      return;
    }
    for (Sequence* sequence : waiting_.in_order()) {
      if (sizes().running >= spec_.max_running_requests) {
        is_full_ = true;
        break;
      }
      if (!take_in(builder, *sequence, room)) {
        break;
      }
    }
    waiting_.drop_running();
  }

  // False when memory does not let the prompt go on.
  bool continue_chunked(StepBuilder& builder, Room& room) {
    Sequence& sequence = *chunked_;
    const Tokens left = sequence.known() - sequence.computed;
    const Tokens tokens = std::min(left, room.chunk.value_or(left));
    if (builder.schedule_chunk(sequence, tokens) != Grant::ok) {
      builder.refuse_for_memory();
      return false;
    }
    const bool ends = tokens == left;
    room.take(round_up(tokens, page_), (ends ? expected_output(sequence) : Tokens{0}) + page_);
    if (ends) {
      chunked_ = nullptr;
      running_.push_back(&sequence);
    }
    return true;
  }

  // Whether the next in the queue may be looked at, too.
  bool take_in(StepBuilder& builder, Sequence& sequence, Room& room) {
    const Tokens cached = builder.cached_prefix(sequence);
    const Tokens extend = sequence.known() - cached;
    if (!fits(builder, sequence, cached, room)) {
      is_full_ = true;
      return false;
    }
    const Tokens whole = round_up(extend, page_);
    if (whole >= room.prompts && room.has_any) {
      return false;
    }
    const bool splits = room.chunk && whole > *room.chunk;
    const Tokens tokens = splits ? page_ * (*room.chunk / page_) : extend;
    if (tokens <= Tokens{0} || (splits && chunked_ != nullptr)) {
      return false;
    }
    if (builder.admit(sequence, {.tokens = tokens, .cached = cached}) != Grant::ok) {
      is_full_ = true;
      return false;
    }
    room.take(round_up(tokens, page_), (splits ? Tokens{0} : expected_output(sequence)) + page_);
    if (splits) {
      chunked_ = &sequence;
      return false;
    }
    running_.push_back(&sequence);
    return !room.is_used_up();
  }

  // Whether all that it prefills, and its output, stay below what is left once its prefix is
  // locked.
  bool fits(StepBuilder& builder, const Sequence& sequence, Tokens cached, const Room& room) const {
    const Tokens total = sequence.known() - cached + expected_output(sequence) + page_;
    const auto needed = static_cast<double>(total.count()) + room.expected;
    if (needed >= static_cast<double>(pool_.count())) {
      builder.refuse_for_memory();
      return false;
    }
    const Tokens least{static_cast<std::int64_t>(std::floor(needed)) + 1};
    return builder.could_admit(
        sequence,
        {.tokens = sequence.known() - cached, .cached = cached, .must_fit = cached + least});
  }

  void decode(StepBuilder& builder) {
    if (pages_for_decode() > builder.free_blocks()) {
      retract(builder);
    } else {
      lower_ratio();
    }
    for (Sequence* sequence : running_) {
      const Grant grant = builder.schedule(*sequence, Tokens{1});
      TESSERA_INVARIANT(grant == Grant::ok, "a decode has its page");
    }
  }

  void lower_ratio() {
    const double least = std::min(start_ratio_ * least_of_first_ratio, 1.0);
    ratio_ = std::max(ratio_ - (start_ratio_ - least) / decay_steps, least);
  }

  [[nodiscard]] Blocks pages_for_decode() const {
    return Blocks{std::count_if(running_.begin(), running_.end(), [&](const Sequence* sequence) {
      return sequence->computed % page_ == Tokens{0};
    })};
  }

  void retract(StepBuilder& builder) {
    std::stable_sort(running_.begin(), running_.end(), [](const Sequence* a, const Sequence* b) {
      return a->generated != b->generated ? a->generated > b->generated
                                          : a->request.prompt < b->request.prompt;
    });
    bool is_first = true;
    while (running_.size() > 1 && (is_first || !fits_for_a_while(builder))) {
      is_first = false;
      Sequence& victim = *running_.back();
      running_.pop_back();
      builder.preempt(victim);
      waiting_.push_back(victim);
    }
    // The last one goes on whatever it takes: only a prompt that is being split stands beside it.
    if (pages_for_decode() > builder.free_blocks() && chunked_ != nullptr) {
      builder.preempt(*chunked_);
      waiting_.push_front(*chunked_);
      chunked_ = nullptr;
    }
    is_full_ = false;
    estimate_ratio();
  }

  [[nodiscard]] bool fits_for_a_while(const StepBuilder& builder) const {
    return retract_decode_steps * num_running() <= page_ * builder.free_blocks().count() &&
           pages_for_decode() <= builder.free_blocks();
  }

  void estimate_ratio() {
    Tokens generated{0};
    Tokens limits{0};
    for (const Sequence* sequence : running_) {
      generated += sequence->generated + retract_decode_steps;
      limits += sequence->output_limit();
    }
    ratio_ =
        std::min(static_cast<double>(generated.count()) / static_cast<double>(limits.count()), 1.0);
  }

  SglangSpec spec_;
  Tokens page_;
  Tokens pool_;
  double start_ratio_;
  double ratio_;  // the share of outputs' limits that running ones are expected to use
  std::vector<Sequence*> running_;
  Sequence* chunked_ = nullptr;  // whose prompt is being split
  SglangQueue waiting_;
  bool is_full_ = false;     // SGLang's batch_is_full
  bool has_looked_ = false;  // at the queue, in the last step
};

}  // namespace

std::unique_ptr<BatchPolicy> make_policy(const SglangSpec& spec, const PolicyContext& context) {
  return std::make_unique<Sglang>(spec, context);
}

}  // namespace tessera
