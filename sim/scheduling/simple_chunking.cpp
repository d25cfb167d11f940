// Sarathi-Serve's baseline simple_chunking (simple_chunking_scheduler.py of January 2026): steps of
// prompt chunks and steps of decodes take turns. A prefill turn goes to the prompts that have
// begun, or if there are none, to new ones, whose memory is allocated whole; if there are neither,
// it falls through to the decodes, which preempt as Sarathi's do. In a pipeline whoever is in
// another stage's batch is passed over.
#include <algorithm>

#include "sim/scheduling/recompute_preemption.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

class SimpleChunking final : public BatchPolicy {
 public:
  explicit SimpleChunking(const SimpleChunkingSpec& spec) : spec_(spec) {}

  void enqueue(Sequence& sequence) override { waiting_.push_back(&sequence); }

  void schedule(StepBuilder& builder) override {
    sort_by_arrival(running_);
    if (turn_ == Turn::decode) {
      decode(builder);
    } else {
      prefill(builder);
    }
    const Turn other = turn_ == Turn::decode ? Turn::prefill : Turn::decode;
    // Whoever's turn finds nothing to do passes it on, in no time.
    passed_on_ = builder.is_empty() && !builder.has_preempted() && other == Turn::decode;
    if (builder.is_empty() && !builder.has_preempted()) {
      if (other == Turn::decode) {
        decode(builder);
      } else {
        prefill(builder);
      }
    } else {
      turn_ = other;
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

  // Only a turn that found no prompt to compute says that the next will not, either.
  [[nodiscard]] Repeats repeats() const override {
    return {.steps = passed_on_ ? Repeats::forever : 0, .kept_free = Blocks{1}};
  }

  [[nodiscard]] QueueSizes sizes() const override { return sizes_of(running_, waiting_); }
  [[nodiscard]] const Sequence* head_of_queue() const override {
    return waiting_.empty() ? nullptr : waiting_.front();
  }

 private:
  enum class Turn { prefill, decode };

  void prefill(StepBuilder& builder) {
    continue_prompts(builder);
    if (builder.is_empty()) {
      admit_chunks(builder, {spec_.chunk_size, spec_.max_num_seqs}, waiting_, running_);
    }
  }

  void continue_prompts(StepBuilder& builder) {
    Tokens room = spec_.chunk_size;
    for (Sequence* sequence : running_) {
      const Tokens tokens = std::min(sequence->remaining(), room);
      if (sequence->prefilling && sequence->steps_in_flight == 0 && tokens > Tokens{0}) {
        const Grant grant = builder.schedule_chunk(*sequence, tokens);
        TESSERA_INVARIANT(grant == Grant::ok, "a prompt's memory is allocated at its admission");
        room -= tokens;
      }
    }
  }

  void decode(StepBuilder& builder) {
    std::deque<Sequence*> unvisited = std::move(running_);
    running_.clear();
    while (!unvisited.empty()) {
      Sequence& sequence = *unvisited.front();
      unvisited.pop_front();
      if (sequence.prefilling || sequence.steps_in_flight > 0) {
        running_.push_back(&sequence);
      } else if (free_a_block(builder, sequence, unvisited, waiting_)) {
        const Grant grant = builder.schedule(sequence, Tokens{1});
        TESSERA_INVARIANT(grant == Grant::ok, "a free block serves a decode");
        running_.push_back(&sequence);
      }
    }
  }

  SimpleChunkingSpec spec_;
  Turn turn_ = Turn::prefill;
  bool passed_on_ = false;  // prefill's turn, to the decodes
  std::deque<Sequence*> running_;
  std::deque<Sequence*> waiting_;
};

}  // namespace

std::unique_ptr<BatchPolicy> make_policy(const SimpleChunkingSpec& spec,
                                         const PolicyContext& /*context*/) {
  return std::make_unique<SimpleChunking>(spec);
}

}  // namespace tessera
