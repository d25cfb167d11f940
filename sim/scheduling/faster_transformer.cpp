// FasterTransformer's request-level batching, as Sarathi-Serve implements it for its comparisons:
// a batch is formed when nobody runs; who has finished leaves, and nobody joins until it is empty.
#include "sim/scheduling/reserving_batch.hpp"

namespace tessera {

std::unique_ptr<BatchPolicy> make_policy(const FasterTransformerSpec& spec,
                                         const PolicyContext& /*context*/) {
  return make_reserving_batch(spec.max_num_seqs, Joining::when_nobody_runs, make_fcfs_queue());
}

}  // namespace tessera
