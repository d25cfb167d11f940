// Sarathi-Serve's scheduler (Agrawal et al., OSDI 2024; sarathi_scheduler.py of January 2026): a
// step takes all decodes, then fills up to chunk_size with the prompts that have begun, then with
// new ones, whose memory is allocated whole. A decode needs a free block, even if its last one has
// room.
//
// A victim's progress is reset only after the step, so the head of the queue, which it has become,
// asks for nothing, and nobody is admitted in a step that preempted.
//
// In a pipeline every stage has a batch; whoever is in one is passed over until it has ended, so
// that a prompt's chunks follow each other only after all stages, and other prompts fill the gaps.
// (Sarathi-Serve would also take a victim out of a batch that runs; here it takes another.)
#include <algorithm>

#include "sim/scheduling/recompute_preemption.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

class Sarathi final : public BatchPolicy {
 public:
  explicit Sarathi(const SarathiSpec& spec) : spec_(spec) {}

  void enqueue(Sequence& sequence) override { waiting_.push_back(&sequence); }

  void schedule(StepBuilder& builder) override {
    Tokens room = spec_.chunk_size;
    const std::vector<Sequence*> begun = schedule_decodes(builder, room);
    for (Sequence* sequence : begun) {
      const Tokens tokens = std::min(sequence->remaining(), room);
      if (tokens > Tokens{0}) {
        const Grant grant = builder.schedule_chunk(*sequence, tokens);
        TESSERA_INVARIANT(grant == Grant::ok, "a prompt's memory is allocated at its admission");
        room -= tokens;
      }
      running_.push_back(sequence);
    }
    if (!builder.has_preempted()) {
      admit_chunks(builder, {room, spec_.max_num_seqs}, waiting_, running_);
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

  [[nodiscard]] Repeats repeats() const override {
    return {.steps = Repeats::forever, .kept_free = Blocks{1}};
  }

  [[nodiscard]] QueueSizes sizes() const override { return sizes_of(running_, waiting_); }
  [[nodiscard]] const Sequence* head_of_queue() const override {
    return waiting_.empty() ? nullptr : waiting_.front();
  }

 private:
  // Leaves the decodes in running_ and returns the prompts that have begun.
  std::vector<Sequence*> schedule_decodes(StepBuilder& builder, Tokens& room) {
    std::vector<Sequence*> begun;
    std::deque<Sequence*> unvisited = std::move(running_);
    running_.clear();
    sort_by_arrival(unvisited);
    while (!unvisited.empty()) {
      Sequence& sequence = *unvisited.front();
      unvisited.pop_front();
      if (sequence.steps_in_flight > 0) {
        running_.push_back(&sequence);
      } else if (sequence.prefilling) {
        begun.push_back(&sequence);
      } else if (free_a_block(builder, sequence, unvisited, waiting_)) {
        const Grant grant = builder.schedule(sequence, Tokens{1});
        TESSERA_INVARIANT(grant == Grant::ok, "a free block serves a decode");
        running_.push_back(&sequence);
        --room;
      }
    }
    return begun;
  }

  SarathiSpec spec_;
  std::deque<Sequence*> running_;
  std::deque<Sequence*> waiting_;
};

}  // namespace

std::unique_ptr<BatchPolicy> make_policy(const SarathiSpec& spec,
                                         const PolicyContext& /*context*/) {
  return std::make_unique<Sarathi>(spec);
}

}  // namespace tessera
