#include "sim/metrics/generation_rows.hpp"

#include <algorithm>
#include <cmath>

#include "tessera/core/decimal.hpp"
#include "tessera/cost/operation_work.hpp"

namespace tessera {
namespace {

constexpr std::string_view columns =
    "iteration,engine,batch_size,sequence_length,tokens,hidden_bytes,logits_bytes,flops,time_ms,"
    "repeated_of_flops,cached_tokens,cached_hidden_bytes,cached_logits_bytes,cached_flops,"
    "cached_time_ms,kv_cache_bytes";
constexpr std::size_t most_kept = 64;

// Whether the step is the first of its sequence: nothing of it can be in a cache yet.
bool begins(const StepEntry& entry) {
  return entry.kind != EntryKind::dead_row && entry.sequence->generated <= Tokens{1};
}

void add_prefill(StepShape& shape, Tokens tokens) {
  const std::int64_t n = tokens.count();
  ++shape.prefill_sequences;
  shape.prefill_tokens += tokens;
  shape.prefill_context += tokens;
  shape.prefill_pairs += n * (n + 1) / 2;
}

// The step again, as it is without a KV cache.
StepShape recomputing(const StepRecord& record) {
  StepShape shape;
  shape.sampled_sequences = record.shape.sampled_sequences;
  shape.writes_kv = false;
  for (const StepEntry& entry : record.step->entries) {
    if (!entry.withdrawn) {
      add_prefill(shape, entry.context);
    }
  }
  return shape;
}

// The step again, as it is with one.
StepShape caching(const StepRecord& record) {
  if (record.shape.writes_kv) {
    return record.shape;
  }
  StepShape shape;
  shape.sampled_sequences = record.shape.sampled_sequences;
  for (const StepEntry& entry : record.step->entries) {
    if (entry.withdrawn) {
      continue;
    }
    if (begins(entry)) {
      add_prefill(shape, entry.context);
    } else {
      ++shape.decode_sequences;
      shape.decode_context += entry.context;
    }
  }
  return shape;
}

double flops_of(const std::vector<OperationTime>& operations) {
  double flops = 0.0;
  for (const OperationTime& operation : operations) {
    flops += operation.flops;
  }
  return flops;
}

double sampling_flops(const std::vector<OperationTime>& operations) {
  double flops = 0.0;
  for (const OperationTime& operation : operations) {
    const bool samples =
        std::any_of(sampling_operations.begin(), sampling_operations.end(),
                    [&](Operation sampling) { return operation.name == name_of(sampling); });
    flops += samples ? operation.flops : 0.0;
  }
  return flops;
}

void append_work(std::string& row, const GenerationWork& work) {
  append_integer(row, work.tokens.count());
  row += ',';
  append_integer(row, work.hidden_states.count());
  row += ',';
  append_integer(row, work.logits.count());
  row += ',';
  append_integer(row, static_cast<Int128>(work.flops));
  row += ',';
  append_milliseconds(row, work.time);
  row += ',';
}

}  // namespace

GenerationRows::GenerationRows(const Scenario& scenario,
                               const std::optional<std::filesystem::path>& folder)
    : scenario_(scenario),
      cost_(make_cost_model(scenario.cost, scenario.hardware.gpu, scenario.model,
                            scenario.precision, RankPlace{}, scenario.engine.overheads)) {
  if (folder) {
    file_.emplace(*folder / "generation.csv", columns);
  }
}

GenerationWork GenerationRows::work_of(const StepShape& shape, Tokens tokens) {
  const Bytes number = activation_bytes(scenario_.precision.compute);
  return {.tokens = tokens,
          .hidden_states = number * (tokens.count() * scenario_.model.hidden),
          .logits = number * (tokens.count() * scenario_.model.vocabulary),
          .flops = flops_of(cost_->operations(shape)),
          .time = cost_->step(shape).total()};
}

GenerationRow GenerationRows::row_of(const StepRecord& record) {
  GenerationRow row;
  row.engine = number_of(record.engine);
  row.iteration = record.iteration;
  Tokens held{0};
  bool is_first = true;
  for (const StepEntry& entry : record.step->entries) {
    if (!entry.withdrawn) {
      ++row.batch_size;
      row.sequence_length = std::max(row.sequence_length, entry.context);
      held += entry.context;
      is_first = is_first && begins(entry);
    }
  }
  const StepShape without = recomputing(record);
  const StepShape with = caching(record);
  row.without_cache = work_of(without, without.tokens());
  row.with_cache = work_of(with, with.tokens());
  row.kv_cache = kv_bytes_per_token(scenario_.model, scenario_.precision.kv_cache) * held.count();
  if (!is_first && row.without_cache.flops > 0.0) {
    row.repeated = repeatable_flops_ / row.without_cache.flops;
  }
  repeatable_flops_ = row.without_cache.flops - sampling_flops(cost_->operations(without));
  return row;
}

void GenerationRows::add(const StepRecord& record) {
  const GenerationRow row = row_of(record);
  if (row.batch_size == 0) {
    return;
  }
  if (kept_.size() < most_kept) {
    kept_.push_back(row);
  }
  if (!file_) {
    return;
  }
  std::string& text = file_->row();
  append_integer(text, row.iteration);
  text += ',';
  append_integer(text, row.engine);
  text += ',';
  append_integer(text, row.batch_size);
  text += ',';
  append_integer(text, row.sequence_length.count());
  text += ',';
  append_work(text, row.without_cache);
  if (row.repeated) {
    append_real(text, *row.repeated);
  }
  text += ',';
  append_work(text, row.with_cache);
  append_integer(text, row.kv_cache.count());
  file_->row_done();
}

void GenerationRows::close() {
  if (file_) {
    file_->close();
  }
}

}  // namespace tessera
