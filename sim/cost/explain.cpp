#include "tessera/cost/explain.hpp"

#include "sim/cost/kernel_time.hpp"

namespace tessera {

StepShape shape_of(const StepQuestion& question, const ModelSpec& model) {
  StepShape shape;
  shape.sampled_sequences = question.batch;
  if (question.phase == Phase::decode) {
    shape.decode_sequences = question.batch;
    shape.decode_context = question.context * question.batch;
    return shape;
  }
  const std::int64_t past = question.context.count();
  const std::int64_t fresh = question.new_tokens.count();
  // An encoder's tokens see the whole sequence, a decoder's only what came before and themselves.
  const std::int64_t among_new =
      model.kind == ModelKind::encoder ? fresh * fresh : fresh * (fresh + 1) / 2;
  shape.prefill_sequences = question.batch;
  shape.prefill_tokens = question.new_tokens * question.batch;
  shape.prefill_pairs = question.batch * (fresh * past + among_new);
  shape.prefill_context = (question.context + question.new_tokens) * question.batch;
  return shape;
}

std::vector<OperationTime> explain(CostModel& cost, const StepShape& shape) {
  std::vector<OperationTime> rows = cost.operations(shape);
  OperationTime total;
  total.name = "total";
  total.phase = rows.empty() ? "all" : rows.front().phase;
  for (const OperationTime& row : rows) {
    total.flops += row.flops;
    total.bytes += row.bytes;
    total.time += row.time;
    total.layers = row.layers > total.layers ? row.layers : total.layers;
    total.phase = row.phase == total.phase ? total.phase : "all";
  }
  total.bound = greatest_part(cost.step(shape));
  rows.push_back(total);
  return rows;
}

RidgePoint ridge_point(const GpuSpec& gpu, const PrecisionSpec& precision) {
  const GpuRoofs roofs(gpu, precision);
  const double bandwidth = gpu.memory_bandwidth.value();
  return {peak_rate(gpu, precision.compute).value() / bandwidth,
          roofs.layers.flops_per_second / roofs.layers.bytes_per_second};
}

}  // namespace tessera
