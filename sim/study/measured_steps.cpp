#include "sim/study/measured_steps.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <map>
#include <span>

#include "tessera/config/load.hpp"
#include "tessera/cost/operation_work.hpp"
#include "tessera/workload/csv_file.hpp"

namespace tessera {
namespace {

// A kernel column of Vidur's, and the operation that it is a part of. `times` of these columns'
// sum make the operation.
struct KernelColumn {
  std::string_view kernel;
  Operation operation;
  double times;
  bool elementwise;
};
// The norm's two columns are summed; the residual is added twice a layer and measured once.
constexpr std::array<KernelColumn, 9> kernel_columns{{
    {"attn_pre_proj", Operation::qkv_proj, 1.0, false},
    {"attn_post_proj", Operation::out_proj, 1.0, false},
    {"mlp_up_proj", Operation::mlp_up, 1.0, false},
    {"mlp_down_proj", Operation::mlp_down, 1.0, false},
    {"input_layernorm", Operation::norm, 1.0, true},
    {"post_attention_layernorm", Operation::norm, 1.0, true},
    {"attn_rope", Operation::rope, 1.0, true},
    {"mlp_act", Operation::mlp_act, 1.0, true},
    {"add", Operation::residual, 2.0, true},
}};

class Rows {
 public:
  explicit Rows(const std::string& path) : file_(path), table_(path) {}

  bool next() {
    const auto row = table_.next_row();
    if (row) {
      row_ = *row;
    }
    return row.has_value();
  }
  [[nodiscard]] bool has(std::string_view column) const { return table_.find(column).has_value(); }
  [[nodiscard]] std::string_view text(std::string_view column) const {
    const auto index = table_.find(column);
    if (!index) {
      throw BadInput(Place{file_, 1, 0}, "there is no column '" + std::string(column) + "'");
    }
    return row_[*index];
  }
  [[nodiscard]] double number(std::string_view column) const {
    const std::string_view field = text(column);
    double value = 0.0;
    const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
    if (error != std::errc{} || end != field.data() + field.size() || !(value >= 0.0) ||
        !std::isfinite(value)) {
      throw BadInput(place(),
                     "'" + std::string(column) + "' is no number: '" + std::string(field) + "'");
    }
    return value;
  }
  [[nodiscard]] std::int64_t count(std::string_view column) const {
    const double value = number(column);
    const auto whole = static_cast<std::int64_t>(std::min(value, 1e15));
    if (static_cast<double>(whole) != value) {
      throw BadInput(place(), "'" + std::string(column) + "' must be a whole number");
    }
    return whole;
  }
  // Of columns that must be at least 1.
  [[nodiscard]] std::int64_t size(std::string_view column) const {
    const std::int64_t value = count(column);
    if (value < 1) {
      throw BadInput(place(), "'" + std::string(column) + "' must be at least 1");
    }
    return value;
  }
  [[nodiscard]] Place place() const { return table_.place(); }

 private:
  std::string file_;
  CsvFile table_;
  std::span<const std::string_view> row_;
};

bool is_fitted(const Rows& rows, const FittedRows& fit) {
  if (fit.column.empty()) {
    return true;
  }
  const std::string_view value = rows.text(fit.column);
  return std::find(fit.values.begin(), fit.values.end(), value) != fit.values.end();
}

// One layer of one rank's share, as the row describes it.
ModelSpec shard_of(const Rows& rows) {
  const std::int64_t ranks = rows.size("num_tensor_parallel_workers");
  ModelSpec model;
  model.hidden = rows.size("n_embd");
  model.head_size = model.hidden / rows.size("n_head");
  model.heads = std::max<std::int64_t>(rows.size("n_head") / ranks, 1);
  model.kv_heads = std::max<std::int64_t>(rows.size("n_kv_head") / ranks, 1);
  model.intermediate = rows.size("n_expanded_embd") / ranks;
  model.vocabulary = rows.size("vocab_size");
  model.mlp = rows.text("use_gated_mlp") == "True" ? MlpKind::gated : MlpKind::plain;
  model.name = "width " + std::to_string(model.hidden) + " over " + std::to_string(ranks);
  model.layers = 1;
  return one_layer(model);
}

std::size_t index_of(std::vector<ModelSpec>& models, const ModelSpec& model) {
  for (std::size_t i = 0; i < models.size(); ++i) {
    if (models[i].name == model.name && models[i].intermediate == model.intermediate) {
      return i;
    }
  }
  models.push_back(model);
  return models.size() - 1;
}

std::vector<Observation> kernels_of(const Rows& rows, bool with_elementwise,
                                    const CalibrationSettings& settings) {
  std::vector<Observation> observations;
  for (const KernelColumn& column : kernel_columns) {
    const std::string name = "time_stats." + std::string(column.kernel) + ".median";
    const bool wanted = with_elementwise || !column.elementwise;
    if (!wanted || !rows.has(name) || rows.text(name).empty()) {
      continue;
    }
    const double seconds = column.times * rows.number(name) * 1e-3;
    if (seconds == 0.0) {
      continue;  // shorter than the profiler's clock ticks
    }
    const std::string_view operation = name_of(column.operation);
    const auto same =
        std::find_if(observations.begin(), observations.end(),
                     [&](const Observation& one) { return one.operation == operation; });
    if (same != observations.end()) {
      same->seconds += seconds;
    } else {
      const bool fitted =
          is_fitted(rows, column.elementwise ? settings.fit_elementwise : settings.fit);
      observations.push_back({std::string(operation), operation, seconds, fitted});
    }
  }
  return observations;
}

MeasuredSteps read_kernels(Rows& rows, const CalibrationSettings& settings) {
  MeasuredSteps measured;
  measured.extent = MeasuredExtent::layer;
  while (rows.next()) {
    MeasuredStep step;
    step.model = index_of(measured.models, shard_of(rows));
    step.question.phase = Phase::prefill;
    step.question.new_tokens = Tokens{rows.size("num_tokens")};
    step.observations =
        kernels_of(rows, step.question.new_tokens >= settings.elementwise_from, settings);
    step.label = measured.models[step.model].name + ", " +
                 std::to_string(step.question.new_tokens.count()) + " tokens";
    measured.steps.push_back(std::move(step));
  }
  return measured;
}

StepQuestion question_of(const Rows& rows, const CalibrationSettings& settings) {
  StepQuestion question;
  const std::string_view phase = rows.text("phase");
  if (phase != "prefill" && phase != "decode") {
    throw BadInput(rows.place(), "'phase' is prefill or decode, not '" + std::string(phase) + "'");
  }
  question.batch = rows.size("batch");
  question.kv_format = settings.precision.kv_cache;
  if (settings.overheads.concatenates) {
    question.kv_cache = CacheUse::concat;
  }
  if (phase == "prefill") {
    question.phase = Phase::prefill;
    question.new_tokens = Tokens{rows.size("new_tokens")};
    question.context = Tokens{rows.count("context")};
    return question;
  }
  question.phase = Phase::decode;
  // The new token's own entry is read too.
  question.context = Tokens{rows.count("context") + 1};
  return question;
}

MeasuredSteps read_steps(Rows& rows, const CalibrationSettings& settings) {
  MeasuredSteps measured;
  std::map<std::string, std::size_t, std::less<>> known;
  while (rows.next()) {
    const std::string name(rows.text("model"));
    if (!known.contains(name)) {
      known[name] = measured.models.size();
      try {
        measured.models.push_back(model_preset(name));
      } catch (const WrongUsage& unknown) {
        throw BadInput(rows.place(), unknown.what());
      }
    }
    MeasuredStep step;
    step.model = known[name];
    step.question = question_of(rows, settings);
    const std::string phase(rows.text("phase"));
    step.observations.push_back({phase, std::nullopt, rows.number(settings.time_column) * 1e-3,
                                 is_fitted(rows, settings.fit)});
    const Tokens length = step.question.phase == Phase::prefill ? step.question.new_tokens
                                                                : step.question.context - Tokens{1};
    step.label = name + " " + phase + " " + std::to_string(step.question.batch) + " x " +
                 std::to_string(length.count());
    measured.steps.push_back(std::move(step));
  }
  return measured;
}

}  // namespace

MeasuredSteps read_measured_steps(const std::string& path, const CalibrationSettings& settings) {
  Rows rows(path);
  const bool kernels = rows.has("num_tokens") && rows.has("num_tensor_parallel_workers");
  if (!kernels && !(rows.has("model") && rows.has("phase"))) {
    throw BadInput(Place{path, 1, 0},
                   "these are neither kernels (num_tokens, num_tensor_parallel_workers, "
                   "time_stats.…) nor steps (model, phase, batch, new_tokens, context, a time)");
  }
  MeasuredSteps measured = kernels ? read_kernels(rows, settings) : read_steps(rows, settings);
  for (const MeasuredStep& step : measured.steps) {
    for (const Observation& one : step.observations) {
      if (!(one.seconds > 0.0)) {
        throw BadInput(Place{path, 0, 0}, "a time of 0 for " + one.quantity + ", " + step.label +
                                              ": nothing can be fitted to it");
      }
    }
  }
  return measured;
}

}  // namespace tessera
