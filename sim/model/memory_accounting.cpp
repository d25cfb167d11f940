#include "tessera/model/memory_accounting.hpp"

#include <array>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

// Linear maps of one layer, without biases.
std::int64_t attention_matrices(const ModelSpec& model) {
  return 2 * model.hidden * (model.query_width() + model.key_value_width());
}
std::int64_t mlp_matrices(const ModelSpec& model) {
  return (model.mlp == MlpKind::gated ? 3 : 2) * model.hidden * model.mlp_width();
}

FormulaSymbols symbols_of(const ModelSpec& model) {
  return FormulaSymbols()
      .set("l", model.layers)
      .set("h", model.hidden)
      .set("a", model.heads)
      .set("h_kv", model.key_value_heads())
      .set("d", model.size_of_head())
      .set("f", model.mlp_width())
      .set("V", model.vocabulary)
      .set("w", model.embedding_size > 0 ? model.embedding_size : model.hidden);
}

// At two bytes a parameter; the count stands in the formula.
MemoryRow half_precision_row(std::string item, const std::string& formula, std::int64_t count) {
  return {std::move(item), formula + " = 2*" + std::to_string(count), Bytes{2 * count}};
}

std::string head_formula(const ModelSpec& model) {
  if (model.pooler) {
    return "2*(h*h+h)";
  }
  return model.tied_embeddings ? "2*bias" : "2*(V*w+bias)";
}

MemoryRow row(std::string item, const FormulaSymbols& symbols, std::string_view formula,
              std::int64_t bytes) {
  return {std::move(item), symbols.with_numbers(formula), Bytes{bytes}};
}

std::int64_t divided_up(std::int64_t whole, std::int64_t parts) {
  return (whole + parts - 1) / parts;
}

struct ActivationForm {
  const char* name;
  const char* formula;  // of one layer
  std::int64_t bytes;
};

std::array<ActivationForm, 7> activation_forms(const ModelSpec& model, const TrainingShape& shape) {
  const std::int64_t t = shape.tensor;
  const std::int64_t stream = shape.sequence * shape.batch * model.hidden;
  const std::int64_t scores = 5 * model.heads * shape.sequence * shape.sequence * shape.batch;
  return {{
      {"stored", "s*b*h*(34+5*a*s/h)", 34 * stream + scores},
      {"tensor_parallel", "s*b*h*(10+24/t+5*a*s/(h*t))",
       10 * stream + divided_up(24 * stream + scores, t)},
      {"tensor_sequence_parallel", "s*b*h/t*(34+5*a*s/h)", divided_up(34 * stream + scores, t)},
      {"selective_recomputation", "s*b*h*34", 34 * stream},
      {"tensor_parallel_selective", "s*b*h*(10+24/t)", 10 * stream + divided_up(24 * stream, t)},
      {"tensor_sequence_parallel_selective", "34*s*b*h/t", divided_up(34 * stream, t)},
      {"full_recomputation", "2*s*b*h", 2 * stream},
  }};
}

// What a step keeps outside the layers (the paper's total of activations): the mask of the
// embedding's dropout, the inputs of the last norm and of the LM head, and single-precision logits
// for the loss.
ActivationForm outside_layers(const ModelSpec& model, const TrainingShape& shape) {
  const std::int64_t tokens = shape.sequence * shape.batch;
  if (model.kind == ModelKind::encoder) {
    return {"other", "5*s*b*h", 5 * tokens * model.hidden};
  }
  return {"other", "5*s*b*h+4*s*b*V", tokens * (5 * model.hidden + 4 * model.vocabulary)};
}

FormulaSymbols training_symbols(const ModelSpec& model, const TrainingShape& shape) {
  TESSERA_INVARIANT(shape.batch > 0 && shape.sequence > 0 && shape.tensor > 0,
                    "a training step has sequences, tokens and devices");
  return symbols_of(model)
      .set("b", shape.batch)
      .set("s", shape.sequence)
      .set("t", shape.tensor)
      .set("P", count_parameters(model).total());
}

}  // namespace

MemoryAccount parameter_account(const ModelSpec& model) {
  const ParameterCount count = count_parameters(model);
  const std::int64_t l = model.layers;
  const std::int64_t norm_width = model.norm == NormKind::layer_norm ? 2 : 1;
  FormulaSymbols symbols = symbols_of(model);
  symbols.set("matrices", model.mlp == MlpKind::gated ? 3 : 2)
      .set("norms", count.norms / (model.hidden * norm_width))
      .set("vectors", norm_width);
  MemoryAccount account{"Parameters, at 2 bytes each", {}};
  const auto add = [&](const char* item, std::string_view formula, std::int64_t parameters) {
    account.rows.push_back(half_precision_row(item, symbols.with_numbers(formula), parameters));
  };
  const std::int64_t width = model.embedding_size > 0 ? model.embedding_size : model.hidden;
  symbols.set("tables", count.embeddings - model.vocabulary * width);
  add("parameters_embeddings", "2*(V*w+tables)", count.embeddings);
  symbols.set("biases", count.attention / l - attention_matrices(model));
  add("parameters_attention", "2*l*(2*h*a*d+2*h*h_kv*d+biases)", count.attention);
  symbols.set("biases", count.mlp / l - mlp_matrices(model));
  add("parameters_mlp", "2*l*(matrices*h*f+biases)", count.mlp);
  add("parameters_norms", "2*norms*vectors*h", count.norms);
  symbols.set("bias", model.head_bias ? model.vocabulary : 0);
  add("parameters_head", head_formula(model), count.head);
  symbols.set("embeddings", count.embeddings)
      .set("attention", count.attention)
      .set("mlp", count.mlp)
      .set("other", count.norms + count.head);
  add("parameters", "2*(embeddings+attention+mlp+other)", count.total());
  add("textbook_layers", "2*l*12*h^2",
      textbook_parameters(model) - model.vocabulary * model.hidden);
  add("textbook", "2*(l*12*h^2+V*h)", textbook_parameters(model));
  return account;
}

MemoryAccount weight_account(const ModelSpec& model) {
  const std::int64_t linear = model.layers * (attention_matrices(model) + mlp_matrices(model));
  const std::int64_t rest = count_parameters(model).total() - linear;
  MemoryAccount account{"Weights, scales included", {}};
  for (std::size_t i = 0; i < EnumNames<WeightFormat>::names.size(); ++i) {
    const auto format = static_cast<WeightFormat>(i);
    const Bytes bytes = weight_bytes(model, format);
    const std::int64_t width = unquantised_bytes(format).count();
    const FormulaSymbols symbols = FormulaSymbols()
                                       .set("linear", bytes.count() - width * rest)
                                       .set("e", width)
                                       .set("rest", rest);
    account.rows.push_back(
        row("weights_" + std::string(name_of(format)), symbols, "linear+e*rest", bytes.count()));
  }
  return account;
}

MemoryAccount training_account(const ModelSpec& model, const TrainingShape& shape) {
  FormulaSymbols symbols = training_symbols(model, shape);
  const std::int64_t count = count_parameters(model).total();
  const std::int64_t phi = 2 * count;
  const std::int64_t kept = model.layers * activation_forms(model, shape)[0].bytes;
  const ActivationForm other = outside_layers(model, shape);
  symbols.set("phi", phi).set("activations", kept).set("other", other.bytes);
  MemoryAccount account{"Training states, on one device", {}};
  const auto add = [&](const char* item, std::string_view formula, std::int64_t bytes) {
    account.rows.push_back(row(item, symbols, formula, bytes));
  };
  add("training_weights_fp16", "2*P", 2 * count);
  add("training_gradients_fp16", "2*P", 2 * count);
  add("training_master_fp32", "4*P", 4 * count);
  add("training_adam_m_fp32", "4*P", 4 * count);
  add("training_adam_v_fp32", "4*P", 4 * count);
  add("training_states", "(2+2+4+4+4)*P", 16 * count);
  add("training_states_activations", "(2+2+4+4+4)*P+activations", 16 * count + kept);
  add("training_phi_weights_fp16", "phi", phi);
  add("training_phi_gradients_fp32", "2*phi", 2 * phi);
  add("training_phi_adam_fp32", "4*phi", 4 * phi);
  add("training_phi_activations", "activations", kept);
  account.rows.push_back(ratio_row("training_phi_x", symbols, "activations", "phi"));
  add("training_phi_other", other.formula, other.bytes);
  add("training_phi_states", "phi+2*phi+4*phi", 7 * phi);
  add("training_phi", "phi+2*phi+4*phi+activations+other", 7 * phi + kept + other.bytes);
  return account;
}

MemoryAccount activation_account(const ModelSpec& model, const TrainingShape& shape) {
  const FormulaSymbols symbols = training_symbols(model, shape);
  MemoryAccount account{"Activations kept for the backward pass, on one of t devices", {}};
  for (const ActivationForm& form : activation_forms(model, shape)) {
    account.rows.push_back(
        row(std::string("activations_layer_") + form.name, symbols, form.formula, form.bytes));
  }
  for (const ActivationForm& form : activation_forms(model, shape)) {
    account.rows.push_back(row(std::string("activations_") + form.name, symbols,
                               std::string("l*") + form.formula, model.layers * form.bytes));
  }
  return account;
}

}  // namespace tessera
