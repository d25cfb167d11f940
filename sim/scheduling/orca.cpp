// Orca's iteration-level scheduling (Yu et al., OSDI 2022) as Sarathi-Serve implements it for its
// comparisons: every step decodes all running sequences and takes in whole prompts, first come
// first served (or in another order), without a limit on tokens; memory is reserved at admission
// and never taken back. In a pipeline each stage has a batch of up to max_num_seqs sequences, which
// are not in another one.
#include "sim/scheduling/reserving_batch.hpp"

namespace tessera {

std::unique_ptr<BatchPolicy> make_policy(const OrcaSpec& spec, const PolicyContext& context) {
  return make_reserving_batch(spec.max_num_seqs, Joining::at_every_step,
                              make_waiting_queue({spec.order, spec.prediction_error}, context),
                              context.stages);
}

}  // namespace tessera
