#include "sim/cost/ring_time.hpp"

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

StepTime time_of(const RingWork& ring, const GroupLink& link) {
  StepTime parts;
  if (ring.times > 0) {
    parts.link = link.time(ring.bytes, ring.steps) * ring.times;
  }
  return parts;
}

OperationWork work_of(const RingWork& ring) {
  return {0.0, 0.0, ring.bytes * static_cast<double>(ring.times), ring.times};
}

}  // namespace

StepTime RingTime::of(Operation operation, Tokens tokens) const {
  const Shard& shard = place_.shard;
  if (operation == Operation::all_reduce) {
    return time_of(all_reduce_work(model_, precision_, tokens, shard), place_.ranks);
  }
  TESSERA_INVARIANT(operation == Operation::send_recv, "an operation that is communication alone");
  return time_of(send_work(model_, precision_, tokens, shard), place_.stages) +
         time_of(stage_gather_work(model_, precision_, tokens, shard), place_.ranks);
}

OperationWork RingTime::work(Operation operation, Tokens tokens) const {
  const Shard& shard = place_.shard;
  if (operation == Operation::all_reduce) {
    return work_of(all_reduce_work(model_, precision_, tokens, shard));
  }
  OperationWork sent = work_of(send_work(model_, precision_, tokens, shard));
  sent.activation_bytes += stage_gather_work(model_, precision_, tokens, shard).bytes;
  return sent;
}

StepTime RingTime::beside(Operation operation, Tokens rows) const {
  const Shard& shard = place_.shard;
  if (operation == Operation::embedding) {
    return time_of(embedding_sum_work(model_, precision_, rows, shard), place_.ranks);
  }
  if (operation == Operation::lm_head) {
    return time_of(logits_gather_work(model_, precision_, rows.count(), shard), place_.ranks);
  }
  return {};
}

}  // namespace tessera
