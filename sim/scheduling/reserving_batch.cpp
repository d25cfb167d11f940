#include "sim/scheduling/reserving_batch.hpp"

#include "tessera/core/contract.hpp"

namespace tessera {

void ReservingBatch::decode_all(StepBuilder& builder) {
  for (Sequence* sequence : running_) {
    const Grant grant = builder.schedule(*sequence, sequence->remaining());
    TESSERA_INVARIANT(grant == Grant::ok, "a reservation holds its sequence to the end");
  }
}

void ReservingBatch::admit_whole_prompts(StepBuilder& builder) {
  while (!waiting_.empty() && running_.size() < max_num_seqs_) {
    Sequence& sequence = *waiting_.front();
    const StepBuilder::Terms terms{.tokens = sequence.known(), .must_fit = sequence.known()};
    if (builder.admit(sequence, terms) != Grant::ok) {
      return;
    }
    waiting_.pop_front();
    running_.push_back(&sequence);
  }
}

void ReservingBatch::remove_finished() {
  std::erase_if(running_, [](const Sequence* sequence) { return sequence->finished(); });
}

QueueSizes ReservingBatch::sizes() const {
  return {.running = static_cast<std::int64_t>(running_.size()),
          .waiting = static_cast<std::int64_t>(waiting_.size())};
}

const Sequence* ReservingBatch::head_of_queue() const {
  return waiting_.empty() ? nullptr : waiting_.front();
}

}  // namespace tessera
