#include "tessera/memory/static_accounting.hpp"

#include <algorithm>

#include "tessera/core/contract.hpp"
#include "tessera/memory/workspace.hpp"

namespace tessera {
namespace {

double real(std::int64_t count) {
  return static_cast<double>(count);
}

// More than the sum of all that is computed below, in floating point, which does not overflow.
double greatest_bytes(const StaticAccountingRequest& request) {
  const ModelSpec& model = request.model;
  const double b = real(request.shape.batch);
  const double s = real(request.shape.prompt.count());
  const double length = s + real(request.shape.output.count());
  const double h = real(model.hidden);
  const double keys_and_values = real(model.key_value_width()) + h;
  const double widths =
      3.0 * h + 2.0 * real(model.query_width()) + keys_and_values + 3.0 * real(model.mlp_width());
  const double cache = 16.0 * b * real(model.layers) * keys_and_values * length;
  const double workspace = b * length * (8.0 * widths + 32.0 * real(model.vocabulary));
  const double kept = real(model.layers) * s * b * (34.0 * h + 5.0 * real(model.heads) * s);
  return cache + workspace + 2.0 * kept + 64.0 * real(count_parameters(model).total());
}

// Rows of one request: its symbols and the sums that several accounts need.
class InferenceAccounts {
 public:
  explicit InferenceAccounts(const StaticAccountingRequest& request);
  [[nodiscard]] MemoryAccount cache() const;
  [[nodiscard]] MemoryAccount tensors() const;
  [[nodiscard]] MemoryAccount workspace() const;
  [[nodiscard]] MemoryAccount inference() const;

 private:
  [[nodiscard]] MemoryRow row(std::string item, std::string_view formula,
                              std::int64_t bytes) const {
    return {std::move(item), symbols_.with_numbers(formula), Bytes{bytes}};
  }
  [[nodiscard]] MemoryRow peak_row() const;
  [[nodiscard]] bool caches() const { return model_.kind == ModelKind::decoder; }
  [[nodiscard]] std::int64_t step_workspace(Tokens tokens) const;
  void add_device(MemoryAccount& account, std::int64_t total) const;

  const ModelSpec& model_;
  const PrecisionSpec& precision_;
  const InferenceShape shape_;
  const std::optional<GpuSpec>& gpu_;
  const std::int64_t entries_;  // of one sequence at its end
  const std::int64_t per_token_;
  const std::int64_t peak_;
  const std::int64_t weights_;
  const std::int64_t prefill_;
  const std::int64_t decode_;
  const std::int64_t recompute_;  // the last step without a cache
  FormulaSymbols symbols_;
};

InferenceAccounts::InferenceAccounts(const StaticAccountingRequest& request)
    : model_(request.model),
      precision_(request.precision),
      shape_(request.shape),
      gpu_(request.gpu),
      entries_((shape_.prompt + shape_.output).count() - 1),
      per_token_(kv_bytes_per_token(model_, precision_.kv_cache).count()),
      peak_(caches() ? shape_.batch * entries_ * per_token_ : 0),
      weights_(weight_bytes(model_, precision_.weights).count()),
      prefill_(step_workspace(shape_.prompt * shape_.batch)),
      decode_(step_workspace(Tokens{shape_.batch})),
      recompute_(step_workspace(Tokens{entries_ * shape_.batch})) {
  symbols_.set("b", shape_.batch)
      .set("s", shape_.prompt.count())
      .set("n", shape_.output.count())
      .set("l", model_.layers)
      .set("h", model_.hidden)
      .set("h_kv", model_.key_value_heads())
      .set("d", model_.size_of_head())
      .set("V", model_.vocabulary)
      .set("r", per_token_ / (2 * model_.layers))
      .set("e", activation_bytes(precision_.compute).count())
      .set("phi", weights_)
      .set("weights", weights_)
      .set("kv_peak", peak_)
      .set("kv_textbook", 4 * shape_.batch * model_.layers * model_.hidden * (entries_ + 1));
}

std::int64_t InferenceAccounts::step_workspace(Tokens tokens) const {
  return workspace_bytes(model_, precision_, tokens, shape_.batch).count();
}

// Formats with scales have no whole number of bytes a number: their rows do.
MemoryRow InferenceAccounts::peak_row() const {
  const std::int64_t numbers = model_.key_value_width();
  const std::int64_t bytes_of_row = per_token_ / (2 * model_.layers);
  if (bytes_of_row % numbers != 0) {
    return row("kv_peak", "2*b*l*r*(s+n-1)", peak_);
  }
  FormulaSymbols symbols = symbols_;
  symbols.set("e", bytes_of_row / numbers);
  return {"kv_peak", symbols.with_numbers("2*b*l*h_kv*d*e*(s+n-1)"), Bytes{peak_}};
}

MemoryAccount InferenceAccounts::cache() const {
  MemoryAccount account{
      "KV cache (" + std::string(name_of(precision_.kv_cache)) + "; the textbook's in fp16)", {}};
  const std::int64_t b = shape_.batch;
  const std::int64_t textbook = 4 * b * model_.layers * model_.hidden;
  account.rows = {
      row("kv_per_token", "2*l*r", per_token_),
      row("kv_prompt", "2*b*l*r*s", b * per_token_ * shape_.prompt.count()),
      row("kv_peak_textbook", "4*b*l*h*(s+n)", textbook * (entries_ + 1)),
      row("kv_peak_textbook_exact", "4*b*l*h*(s+n-1)", textbook * entries_),
      peak_row(),
      ratio_row("kv_to_weights", symbols_, "kv_peak", "weights"),
      ratio_row("kv_textbook_to_weights", symbols_, "kv_textbook", "weights"),
  };
  return account;
}

MemoryAccount InferenceAccounts::tensors() const {
  const std::int64_t e = activation_bytes(precision_.compute).count();
  const std::int64_t b = shape_.batch;
  const std::int64_t s = shape_.prompt.count();
  MemoryAccount account{"Tensors of a step (" + std::string(name_of(precision_.compute)) + ")", {}};
  account.rows = {row("hidden_states_prefill", "b*s*h*e", b * s * model_.hidden * e)};
  if (caches()) {
    account.rows.push_back(row("hidden_states_decode", "b*1*h*e", b * model_.hidden * e));
    account.rows.push_back(row("logits_all_positions", "b*s*V*e", b * s * model_.vocabulary * e));
    account.rows.push_back(row("logits_decode", "b*1*V*e", b * model_.vocabulary * e));
  }
  return account;
}

MemoryAccount InferenceAccounts::workspace() const {
  // The rule is a maximum over phases, not a product: the formula names the step's tokens.
  FormulaSymbols symbols = symbols_;
  const auto peak_of = [&](const char* item, const char* step, std::int64_t bytes) {
    return MemoryRow{item, symbols.with_numbers(step), Bytes{bytes}};
  };
  MemoryAccount account{"Workspace: the largest live set of a step, and cuBLAS's", {}};
  account.rows = {peak_of("workspace_prefill", "peak(b*s tokens)", prefill_)};
  if (caches()) {
    account.rows.push_back(peak_of("workspace_decode", "peak(b tokens)", decode_));
    account.rows.push_back(peak_of("workspace_without_kv", "peak(b*(s+n-1) tokens)", recompute_));
  }
  return account;
}

void InferenceAccounts::add_device(MemoryAccount& account, std::int64_t total) const {
  if (!gpu_) {
    return;
  }
  FormulaSymbols symbols;
  symbols.set("memory", gpu_->memory.count())
      .set("context", gpu_->context_memory.count())
      .set("inference", total);
  const std::int64_t left = (gpu_->memory - gpu_->context_memory).count() - total;
  account.rows.push_back({"gpu_context", gpu_->name, gpu_->context_memory});
  account.rows.push_back({"gpu_memory", gpu_->name, gpu_->memory});
  account.rows.push_back(
      {"gpu_left", symbols.with_numbers("memory-context-inference"), Bytes{left}});
}

MemoryAccount InferenceAccounts::inference() const {
  MemoryAccount account{
      "Inference (phi: the weights, in " + std::string(name_of(precision_.weights)) + ")", {}};
  const std::int64_t needed = caches() ? std::max(prefill_, decode_) : prefill_;
  const std::int64_t uncached = caches() ? recompute_ : prefill_;
  FormulaSymbols symbols = symbols_;
  const auto sum = [&](const char* item, const char* formula, std::int64_t bytes) {
    account.rows.push_back({item, symbols.with_numbers(formula), Bytes{bytes}});
  };
  sum("weights", "phi", weights_);
  symbols.set("workspace", uncached);
  sum("inference_without_kv", "phi+workspace", weights_ + uncached);
  sum("rule_of_thumb_without_kv", "phi*(1+0.2)", 6 * weights_ / 5);
  if (caches()) {
    symbols.set("workspace", needed);
    sum("inference", "weights+kv_peak+workspace", weights_ + peak_ + needed);
    sum("rule_of_thumb", "phi*(1+0.5+0.2)", 17 * weights_ / 10);
  }
  add_device(account, weights_ + (caches() ? peak_ + needed : uncached));
  return account;
}

}  // namespace

std::optional<std::vector<MemoryAccount>> static_accounts(const StaticAccountingRequest& request) {
  const InferenceShape& shape = request.shape;
  TESSERA_INVARIANT(shape.batch > 0 && shape.prompt > Tokens{0} && shape.output > Tokens{0},
                    "a batch has sequences, prompts and outputs");
  if (greatest_bytes(request) > 9.0e18) {
    return std::nullopt;
  }
  const InferenceAccounts inference(request);
  std::vector<MemoryAccount> accounts{parameter_account(request.model),
                                      weight_account(request.model)};
  if (request.model.kind == ModelKind::decoder) {
    accounts.push_back(inference.cache());
  }
  accounts.push_back(inference.tensors());
  accounts.push_back(inference.workspace());
  accounts.push_back(inference.inference());
  if (request.tensor) {
    const TrainingShape training{shape.batch, shape.prompt.count(), *request.tensor};
    accounts.push_back(training_account(request.model, training));
    accounts.push_back(activation_account(request.model, training));
  }
  return accounts;
}

}  // namespace tessera
