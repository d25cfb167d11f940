#include "sim/scheduling/recompute_preemption.hpp"

#include <algorithm>

namespace tessera {

void sort_by_arrival(std::deque<Sequence*>& sequences) {
  std::stable_sort(sequences.begin(), sequences.end(), [](const Sequence* a, const Sequence* b) {
    return a->request.arrival < b->request.arrival;
  });
}

void preempt_to_head(StepBuilder& builder, Sequence& victim, std::deque<Sequence*>& waiting) {
  builder.preempt(victim);
  waiting.push_front(&victim);
}

bool free_a_block(StepBuilder& builder, Sequence& sequence, std::deque<Sequence*>& unvisited,
                  std::deque<Sequence*>& waiting) {
  while (!builder.has_free_block()) {
    if (unvisited.empty()) {
      preempt_to_head(builder, sequence, waiting);
      return false;
    }
    Sequence& victim = *unvisited.back();
    unvisited.pop_back();
    preempt_to_head(builder, victim, waiting);
  }
  return true;
}

}  // namespace tessera
