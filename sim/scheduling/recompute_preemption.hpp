// What vLLM v0 and Sarathi-Serve's schedulers share. Who visits the running list from the front
// takes memory from its back; who has been visited is safe; victims go to the head of the queue.
#pragma once

#include <deque>
#include <vector>

#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {

// First come, first served; equals stay as they are.
void sort_by_arrival(std::deque<Sequence*>& sequences);

// Takes all memory from `victim`, which then waits at the head of the queue.
void preempt_to_head(StepBuilder& builder, Sequence& victim, std::deque<Sequence*>& waiting);

// Preempts from the back of `unvisited` those that no launched step computes, until a block is
// free. False when none was left to preempt but `sequence` itself, which then has been.
[[nodiscard]] bool free_a_block(StepBuilder& builder, Sequence& sequence,
                                std::deque<Sequence*>& unvisited, std::deque<Sequence*>& waiting);

// What a step may still take in.
struct ChunkRoom {
  Tokens tokens{0};
  std::int64_t max_num_seqs = 0;
};

// Sarathi-Serve's admission: from the head of the queue, with memory for the whole prompt and the
// watermark free beside it, as much of each prompt as the step has room for.
void admit_chunks(StepBuilder& builder, ChunkRoom room, std::deque<Sequence*>& waiting,
                  std::deque<Sequence*>& running);

// The running and waiting sequences together, for the queues' sizes.
[[nodiscard]] inline QueueSizes sizes_of(const std::deque<Sequence*>& running,
                                         const std::deque<Sequence*>& waiting) {
  return {.running = static_cast<std::int64_t>(running.size()),
          .waiting = static_cast<std::int64_t>(waiting.size())};
}

}  // namespace tessera
