#include "tessera/cost/explain.hpp"

#include "sim/cost/kernel_time.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/cost/operation_work.hpp"

namespace tessera {

namespace {

// Nothing was computed before, so that all of it is new.
StepQuestion recomputing(const StepQuestion& question) {
  StepQuestion whole = question;
  whole.phase = Phase::prefill;
  whole.context = Tokens{0};
  whole.new_tokens = question.context + question.new_tokens;
  whole.kv_cache = CacheUse::on;
  return whole;
}

// The cache with what the step adds, written anew.
Bytes copied(Tokens context, const StepQuestion& question, const ModelSpec& model) {
  return question.kv_cache == CacheUse::concat
             ? context.count() * kv_bytes_per_token(model, question.kv_format)
             : Bytes{0};
}

bool is_of_a_layer(const OperationTime& operation) {
  for (const Operation once :
       {Operation::embedding, Operation::lm_head, Operation::sampler, Operation::overhead}) {
    if (operation.name == name_of(once)) {
      return false;
    }
  }
  return true;
}

OperationTime total_of(const std::vector<OperationTime>& rows) {
  OperationTime total;
  StepTime split;
  total.name = "total";
  total.phase = rows.empty() ? "all" : rows.front().phase;
  for (const OperationTime& row : rows) {
    total.flops += row.flops;
    total.bytes += row.bytes;
    total.time += row.time;
    total.layers = row.layers > total.layers ? row.layers : total.layers;
    total.phase = row.phase == total.phase ? total.phase : "all";
    Duration& part = row.bound == Bound::compute    ? split.compute
                     : row.bound == Bound::memory   ? split.memory
                     : row.bound == Bound::overhead ? split.overhead
                                                    : split.link;
    part += row.time;
  }
  total.bound = greatest_part(split);
  return total;
}

// A model that cannot tell operations apart may give one of them in parts.
void add_row(const OperationTime& part, std::vector<OperationTime>& rows) {
  for (OperationTime& row : rows) {
    if (row.name == part.name) {
      row.bound = part.time > row.time ? part.bound : row.bound;
      row.flops += part.flops;
      row.bytes += part.bytes;
      row.time += part.time;
      return;
    }
  }
  rows.push_back(part);
}

std::vector<OperationTime> operations_of(CostModel& cost, const StepQuestion& question,
                                         const ModelSpec& model) {
  std::vector<OperationTime> rows;
  for (OperationTime& part : cost.operations(shape_of(question, model))) {
    const bool kept =
        question.kv_cache != CacheUse::off || part.name != name_of(Operation::kv_write);
    if (kept) {
      part.phase = name_of(question.phase);
      add_row(part, rows);
    }
  }
  return rows;
}

}  // namespace

StepShape shape_of(const StepQuestion& question, const ModelSpec& model) {
  if (question.kv_cache == CacheUse::off) {
    return shape_of(recomputing(question), model);
  }
  StepShape shape;
  shape.sampled_sequences = question.batch;
  if (question.phase == Phase::decode) {
    shape.decode_sequences = question.batch;
    shape.decode_context = question.context * question.batch;
    shape.work.copied = copied(shape.decode_context, question, model);
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
  shape.prefill_squares = question.batch * fresh * fresh;
  shape.prefill_context = (question.context + question.new_tokens) * question.batch;
  shape.work.copied = copied(shape.prefill_context, question, model);
  return shape;
}

std::vector<OperationTime> explain(CostModel& cost, const StepShape& shape) {
  std::vector<OperationTime> rows = cost.operations(shape);
  rows.push_back(total_of(rows));
  return rows;
}

std::vector<OperationTime> explain(CostModel& cost, const StepQuestion& question,
                                   const ModelSpec& model) {
  std::vector<OperationTime> rows = operations_of(cost, question, model);
  rows.push_back(total_of(rows));
  return rows;
}

ModelSpec one_layer(ModelSpec model) {
  model.layers = 1;
  model.final_norm = false;
  model.embedding_norm = false;
  return model;
}

std::vector<OperationTime> explain_layer(CostModel& cost, const StepQuestion& question,
                                         const ModelSpec& layer) {
  TESSERA_INVARIANT(layer.layers == 1, "one layer is explained");
  std::vector<OperationTime> rows = operations_of(cost, question, layer);
  std::erase_if(rows, [](const OperationTime& row) { return !is_of_a_layer(row); });
  rows.push_back(total_of(rows));
  return rows;
}

RidgePoint ridge_point(const GpuSpec& gpu, const PrecisionSpec& precision) {
  const GpuRoofs roofs(gpu, precision);
  const double bandwidth = gpu.memory_bandwidth.value();
  return {peak_rate(gpu, precision.compute).value() / bandwidth,
          roofs.layers.flops_per_second / roofs.layers.bytes_per_second};
}

}  // namespace tessera
