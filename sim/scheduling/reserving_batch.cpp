#include "sim/scheduling/reserving_batch.hpp"

#include <vector>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

class ReservingBatch final : public BatchPolicy {
 public:
  ReservingBatch(std::int64_t max_num_seqs, Joining joining, std::unique_ptr<WaitingQueue> waiting)
      : max_num_seqs_(static_cast<std::size_t>(max_num_seqs)),
        joining_(joining),
        queue_(std::move(waiting)),
        waiting_(*queue_) {}

  void enqueue(Sequence& sequence) override { waiting_.append(sequence); }

  void schedule(StepBuilder& builder) override {
    waiting_.begin_step(running_, builder.now());
    const bool admits = joining_ == Joining::at_every_step || running_.empty();
    decode_all(builder);
    if (admits) {
      admit_whole_prompts(builder);
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

  [[nodiscard]] QueueSizes sizes() const override {
    return {.running = static_cast<std::int64_t>(running_.size()),
            .waiting = static_cast<std::int64_t>(waiting_.size())};
  }

  [[nodiscard]] const Sequence* head_of_queue() const override {
    return waiting_.empty() ? nullptr : &waiting_.head();
  }

 private:
  void decode_all(StepBuilder& builder) {
    for (Sequence* sequence : running_) {
      const Grant grant = builder.schedule(*sequence, sequence->remaining());
      TESSERA_INVARIANT(grant == Grant::ok, "a reservation holds its sequence to the end");
    }
  }

  void admit_whole_prompts(StepBuilder& builder) {
    while (!waiting_.empty() && running_.size() < max_num_seqs_) {
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

  std::size_t max_num_seqs_;
  Joining joining_;
  std::vector<Sequence*> running_;
  std::unique_ptr<WaitingQueue> queue_;
  WaitingQueue& waiting_;
};

}  // namespace

std::unique_ptr<BatchPolicy> make_reserving_batch(std::int64_t max_num_seqs, Joining joining,
                                                  std::unique_ptr<WaitingQueue> waiting) {
  return std::make_unique<ReservingBatch>(max_num_seqs, joining, std::move(waiting));
}

}  // namespace tessera
