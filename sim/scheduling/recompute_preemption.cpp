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
    const auto victim = std::find_if(unvisited.rbegin(), unvisited.rend(),
                                     [](const Sequence* one) { return one->steps_in_flight == 0; });
    if (victim == unvisited.rend()) {
      preempt_to_head(builder, sequence, waiting);
      return false;
    }
    preempt_to_head(builder, **victim, waiting);
    unvisited.erase(std::next(victim).base());
  }
  return true;
}

void admit_chunks(StepBuilder& builder, ChunkRoom room, std::deque<Sequence*>& waiting,
                  std::deque<Sequence*>& running) {
  while (!waiting.empty() && room.tokens > Tokens{0} &&
         static_cast<std::int64_t>(running.size()) < room.max_num_seqs) {
    Sequence& sequence = *waiting.front();
    const Tokens tokens = std::min(sequence.known(), room.tokens);
    const StepBuilder::Terms terms{
        .tokens = tokens, .reserved = sequence.known(), .watermark_applies = true};
    if (builder.admit(sequence, terms) != Grant::ok) {
      return;
    }
    waiting.pop_front();
    running.push_back(&sequence);
    room.tokens -= tokens;
  }
}

}  // namespace tessera
