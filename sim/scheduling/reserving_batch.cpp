#include "sim/scheduling/reserving_batch.hpp"

#include <vector>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

class ReservingBatch final : public BatchPolicy {
 public:
  ReservingBatch(std::int64_t max_num_seqs, Joining joining, std::unique_ptr<WaitingQueue> waiting,
                 std::int64_t stages)
      : max_num_seqs_(max_num_seqs),
        max_running_(static_cast<std::size_t>(max_num_seqs * stages)),
        joining_(joining),
        queue_(std::move(waiting)),
        waiting_(*queue_) {}

  void enqueue(Sequence& sequence) override { waiting_.append(sequence); }

  void schedule(StepBuilder& builder) override {
    waiting_.begin_step(running_, builder.now());
    const bool admits = joining_ == Joining::at_every_step || running_.empty();
    const std::int64_t decodes = decode_all(builder);
    if (admits) {
      admit_whole_prompts(builder, max_num_seqs_ - decodes);
    }
  }

  void retire(const std::vector<Sequence*>& finished, std::vector<Sequence*>& leaving) override {
    leaving.insert(leaving.end(), finished.begin(), finished.end());
    for (Sequence* sequence : finished) {
      waiting_.left(*sequence);
    }
    std::erase_if(running_, [](const Sequence* sequence) { return sequence->finished(); });
  }

  [[nodiscard]] Withdrawal withdraw(Sequence& sequence) override {
    if (std::erase(running_, &sequence) == 0) {
      waiting_.remove(sequence);
    }
    waiting_.left(sequence);
    return Withdrawal::leaves;
  }

  // Who could not join finds neither a place nor memory later.
  [[nodiscard]] Repeats repeats() const override { return waiting_.repeats(running_); }
  void repeat(std::int64_t steps, SimTime now) override { waiting_.repeat(running_, steps, now); }

  [[nodiscard]] QueueSizes sizes() const override {
    return {.running = static_cast<std::int64_t>(running_.size()),
            .waiting = static_cast<std::int64_t>(waiting_.size())};
  }

  [[nodiscard]] const Sequence* head_of_queue() const override {
    return waiting_.empty() ? nullptr : &waiting_.head();
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
      Sequence& sequence = waiting_.head();
      const StepBuilder::Terms terms{.tokens = sequence.known(), .must_fit = sequence.known()};
      if (builder.admit(sequence, terms) != Grant::ok) {
        return;
      }
      waiting_.pop_head();
      waiting_.admitted(sequence);
      running_.push_back(&sequence);
    }
  }

  std::int64_t max_num_seqs_;  // of a step
  std::size_t max_running_;    // of the steps of all stages
  Joining joining_;
  std::vector<Sequence*> running_;
  std::unique_ptr<WaitingQueue> queue_;
  WaitingQueue& waiting_;
};

}  // namespace

std::unique_ptr<BatchPolicy> make_reserving_batch(std::int64_t max_num_seqs, Joining joining,
                                                  std::unique_ptr<WaitingQueue> waiting,
                                                  std::int64_t stages) {
  return std::make_unique<ReservingBatch>(max_num_seqs, joining, std::move(waiting), stages);
}

}  // namespace tessera
