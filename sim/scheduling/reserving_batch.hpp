// What Orca and FasterTransformer share: a FCFS queue, a running list whose sequences own all their
// memory from admission on, and one token a step for each that has begun.
#pragma once

#include <deque>
#include <vector>

#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {

class ReservingBatch {
 public:
  explicit ReservingBatch(std::int64_t max_num_seqs)
      : max_num_seqs_(static_cast<std::size_t>(max_num_seqs)) {}

  void enqueue(Sequence& sequence) { waiting_.push_back(&sequence); }
  // One token for each running sequence.
  void decode_all(StepBuilder& builder);
  // Whole prompts of waiting sequences, in order, while there is a place and memory.
  void admit_whole_prompts(StepBuilder& builder);
  void remove_finished();

  [[nodiscard]] bool nobody_runs() const { return running_.empty(); }
  [[nodiscard]] QueueSizes sizes() const;
  [[nodiscard]] const Sequence* head_of_queue() const;

 private:
  std::size_t max_num_seqs_;
  std::vector<Sequence*> running_;
  std::deque<Sequence*> waiting_;
};

}  // namespace tessera
