#include "sim/scheduling/reserving_batch.hpp"

#include <deque>
#include <vector>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

class ReservingBatch final : public BatchPolicy {
 public:
  ReservingBatch(std::int64_t max_num_seqs, Joining joining, std::int64_t stages)
      : max_num_seqs_(max_num_seqs),
        max_running_(static_cast<std::size_t>(max_num_seqs * stages)),
        joining_(joining) {}

  void enqueue(Sequence& sequence) override { waiting_.push_back(&sequence); }

  void schedule(StepBuilder& builder) override {
    const bool admits = joining_ == Joining::at_every_step || running_.empty();
    const std::int64_t decodes = decode_all(builder);
    if (admits) {
      admit_whole_prompts(builder, max_num_seqs_ - decodes);
    }
  }

  void retire(const std::vector<Sequence*>& finished, std::vector<Sequence*>& leaving) override {
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
  // All that no other step computes, as many as a step takes. Returns how many.
  std::int64_t decode_all(StepBuilder& builder) {
    std::int64_t scheduled = 0;
    for (Sequence* sequence : running_) {
      if (sequence->in_flight > Tokens{0} || scheduled == max_num_seqs_) {
        continue;
      }
      ++scheduled;
      const Grant grant = builder.schedule(*sequence, sequence->remaining());
      TESSERA_INVARIANT(grant == Grant::ok, "a reservation holds its sequence to the end");
    }
    return scheduled;
  }

  void admit_whole_prompts(StepBuilder& builder, std::int64_t room) {
    for (; !waiting_.empty() && room > 0 && running_.size() < max_running_; --room) {
      Sequence& sequence = *waiting_.front();
      const StepBuilder::Terms terms{.tokens = sequence.known(), .must_fit = sequence.known()};
      if (builder.admit(sequence, terms) != Grant::ok) {
        return;
      }
      waiting_.pop_front();
      running_.push_back(&sequence);
    }
  }

  std::int64_t max_num_seqs_;  // of a step
  std::size_t max_running_;    // of the steps of all stages
  Joining joining_;
  std::vector<Sequence*> running_;
  std::deque<Sequence*> waiting_;
};

}  // namespace

std::unique_ptr<BatchPolicy> make_reserving_batch(std::int64_t max_num_seqs, Joining joining,
                                                  std::int64_t stages) {
  return std::make_unique<ReservingBatch>(max_num_seqs, joining, stages);
}

}  // namespace tessera
