// What goes over the links, as vLLM communicates: RowParallelLinear and VocabParallelEmbedding sum,
// LogitsProcessor gathers, and send_tensor_dict lets each rank send its part of the activations,
// which the ranks of the next stage gather. Each is a ring: an all-reduce of n bytes over t ranks
// sends 2(t-1)/t.n in 2(t-1) steps, a gather (t-1)/t.n in t-1. A stage sends one T x h tensor, the
// residual stream; models that add the residual inside the norm send its two parts apart.
#include "tessera/cost/operation_work.hpp"

namespace tessera {
namespace {

double numbers(std::int64_t rows, std::int64_t width, const PrecisionSpec& precision) {
  return static_cast<double>(rows) * static_cast<double>(width) *
         static_cast<double>(activation_bytes(precision.compute).count());
}

RingWork all_reduce(double bytes, std::int64_t ranks, std::int64_t times) {
  const std::int64_t steps = 2 * (ranks - 1);
  return {bytes * static_cast<double>(steps) / static_cast<double>(ranks), steps, times};
}

RingWork gather(double bytes, std::int64_t ranks) {
  const std::int64_t steps = ranks - 1;
  return {bytes * static_cast<double>(steps) / static_cast<double>(ranks), steps, 1};
}

bool is_alone(const Shard& shard) {
  return shard.degrees.tensor == 1;
}

}  // namespace

RingWork all_reduce_work(const ModelSpec& model, const PrecisionSpec& precision, Tokens tokens,
                         const Shard& shard) {
  if (is_alone(shard) || tokens <= Tokens{0}) {
    return {};
  }
  return all_reduce(numbers(tokens.count(), model.hidden, precision), shard.degrees.tensor,
                    2 * model_of_shard(model, shard).layers);
}

RingWork embedding_sum_work(const ModelSpec& model, const PrecisionSpec& precision, Tokens tokens,
                            const Shard& shard) {
  if (is_alone(shard) || tokens <= Tokens{0} || !shard.is_first_stage()) {
    return {};
  }
  const std::int64_t width = model.embedding_size > 0 ? model.embedding_size : model.hidden;
  return all_reduce(numbers(tokens.count(), width, precision), shard.degrees.tensor, 1);
}

RingWork logits_gather_work(const ModelSpec& model, const PrecisionSpec& precision,
                            std::int64_t sequences, const Shard& shard) {
  const bool has_logits = shard.is_last_stage() && model.kind == ModelKind::decoder;
  if (is_alone(shard) || sequences <= 0 || !has_logits) {
    return {};
  }
  return gather(numbers(sequences, model.vocabulary, precision), shard.degrees.tensor);
}

RingWork send_work(const ModelSpec& model, const PrecisionSpec& precision, Tokens tokens,
                   const Shard& shard) {
  if (shard.is_last_stage() || tokens <= Tokens{0}) {
    return {};
  }
  const double whole = numbers(tokens.count(), model.hidden, precision);
  return {whole / static_cast<double>(shard.degrees.tensor), 1, 1};
}

RingWork stage_gather_work(const ModelSpec& model, const PrecisionSpec& precision, Tokens tokens,
                           const Shard& shard) {
  if (is_alone(shard) || shard.is_last_stage() || tokens <= Tokens{0}) {
    return {};
  }
  return gather(numbers(tokens.count(), model.hidden, precision), shard.degrees.tensor);
}

}  // namespace tessera
