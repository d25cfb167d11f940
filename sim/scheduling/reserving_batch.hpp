// What Orca and FasterTransformer share: a queue, sequences that own
// all their memory from admission on, whole prompts, and one token a step for each that has begun.
#pragma once

#include <cstdint>
#include <memory>

#include "sim/scheduling/waiting_queue.hpp"
#include "tessera/scheduling/batch_policy.hpp"

namespace tessera {

// When waiting sequences are admitted.
enum class Joining { at_every_step, when_nobody_runs };

// `max_num_seqs` of a step; `stages` of a pipeline, each of which can have a step.
[[nodiscard]] std::unique_ptr<BatchPolicy> make_reserving_batch(
    std::int64_t max_num_seqs, Joining joining, std::unique_ptr<WaitingQueue> waiting,
    std::int64_t stages = 1);

}  // namespace tessera
