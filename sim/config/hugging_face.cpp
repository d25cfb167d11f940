// The keys and defaults are those of the configuration classes of Hugging Face transformers
// (GPT2Config, OPTConfig, LlamaConfig, …), and what follows from them those of its model classes.
#include "sim/config/hugging_face.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "tessera/core/closest.hpp"

namespace tessera {
namespace {

namespace json = boost::json;

// The ranges of ModelSpec's own keys.
constexpr std::int64_t largest_size = std::int64_t{1} << 24;
constexpr std::int64_t most_layers = 10'000;
constexpr std::int64_t most_positions = std::int64_t{1} << 40;

// Takes entries out of the file's mapping, and gathers what is wrong with them. After a problem it
// goes on with a value that is harmless.
class Entries {
 public:
  Entries(const json::object& object, std::string file) : object_(object), file_(std::move(file)) {}

  // A whole number from 1 to `largest`.
  [[nodiscard]] std::int64_t size(std::string_view key, std::int64_t largest = largest_size) {
    if (const json::value* value = find(key)) {
      return checked(key, *value, largest);
    }
    error(key, "is missing");
    return 1;
  }
  // The same, where absence or null has a meaning of its own.
  [[nodiscard]] std::optional<std::int64_t> optional_size(std::string_view key) {
    if (const json::value* value = find(key)) {
      return checked(key, *value, largest_size);
    }
    return std::nullopt;
  }
  [[nodiscard]] bool flag(std::string_view key, bool otherwise) {
    const json::value* value = find(key);
    if (value == nullptr) {
      return otherwise;
    }
    if (!value->is_bool()) {
      error(key, "must be true or false");
      return otherwise;
    }
    return value->get_bool();
  }
  // A share above 0, up to 1; version 5 of transformers keeps it within a mapping.
  [[nodiscard]] double fraction(std::string_view mapping, std::string_view key, double otherwise) {
    const json::value* value = find(key);
    const json::value* within = find(mapping);
    if (value == nullptr && within != nullptr && within->is_object()) {
      value = within->get_object().if_contains(key);
    }
    if (value == nullptr) {
      return otherwise;
    }
    if (!value->is_number() || !(value->to_number<double>() > 0.0) ||
        value->to_number<double>() > 1.0) {
      error(key, "must be a number above 0, up to 1, not " + json::serialize(*value));
      return otherwise;
    }
    return value->to_number<double>();
  }
  [[nodiscard]] std::optional<std::string> text(std::string_view key) {
    const json::value* value = find(key);
    if (value == nullptr) {
      return std::nullopt;
    }
    if (!value->is_string()) {
      error(key, "must be text");
      return std::nullopt;
    }
    return std::string{value->get_string()};
  }
  // Whether the key is there with a value; null is as good as absent.
  [[nodiscard]] bool has(std::string_view key) const { return find(key) != nullptr; }
  // Whether the key is there, with null or a value.
  [[nodiscard]] bool mentions(std::string_view key) const { return object_.contains(key); }

  void error(std::string_view key, std::string_view problem) {
    add("'" + std::string{key} + "' " + std::string{problem}, Severity::error);
  }
  void error(std::string message) { add(std::move(message), Severity::error); }
  void warning(std::string message) { add(std::move(message), Severity::warning); }

  [[nodiscard]] const Diagnostics& found() const { return found_; }

 private:
  [[nodiscard]] const json::value* find(std::string_view key) const {
    const json::value* value = object_.if_contains(key);
    return value == nullptr || value->is_null() ? nullptr : value;
  }
  [[nodiscard]] std::int64_t checked(std::string_view key, const json::value& value,
                                     std::int64_t largest) {
    const std::int64_t* number = value.if_int64();
    if (number == nullptr || *number < 1 || *number > largest) {
      error(key, "must be a whole number from 1 to " + std::to_string(largest) + ", not " +
                     json::serialize(value));
      return 1;
    }
    return *number;
  }
  void add(std::string message, Severity severity) {
    found_.push_back({severity, Place{file_}, std::move(message)});
  }

  const json::object& object_;
  std::string file_;
  Diagnostics found_;
};

// Transformers' names of activation functions. Kernels differ, parameters and FLOPs do not: one
// that is not known here counts as one kernel.
ActivationKind read_activation(Entries& entries, std::string_view key, ActivationKind otherwise) {
  const std::string name = entries.text(key).value_or("");
  if (name.empty()) {
    return otherwise;
  }
  if (name == "gelu_new" || name == "gelu_fast") {
    return ActivationKind::gelu_tanh;
  }
  if (name == "relu") {
    return ActivationKind::relu;
  }
  return name == "silu" || name == "swish" ? ActivationKind::silu : ActivationKind::gelu;
}

// What every learned-position model with plain MLPs and biases everywhere has in common.
ModelSpec with_biases_and_layer_norms() {
  ModelSpec model;
  model.mlp = MlpKind::plain;
  model.position = PositionKind::learned;
  model.norm = NormKind::layer_norm;
  model.attention_bias = true;
  model.output_bias = true;
  model.mlp_bias = true;
  return model;
}

double rotary_fraction(Entries& entries, double otherwise) {
  return entries.fraction("rope_parameters", "partial_rotary_factor", otherwise);
}

// The names that most families share.
void read_sizes(Entries& entries, ModelSpec& model) {
  model.layers = entries.size("num_hidden_layers", most_layers);
  model.hidden = entries.size("hidden_size");
  model.heads = entries.size("num_attention_heads");
  model.vocabulary = entries.size("vocab_size");
  model.positions = entries.size("max_position_embeddings", most_positions);
}

// Cross-attention adds matrices to every layer.
void refuse_cross_attention(Entries& entries) {
  if (entries.flag("add_cross_attention", false)) {
    entries.error("add_cross_attention", "is not supported: decoders alone are modelled");
  }
}

ModelSpec read_gpt2(Entries& entries) {
  ModelSpec model = with_biases_and_layer_norms();
  model.layers = entries.size("n_layer", most_layers);
  model.hidden = entries.size("n_embd");
  model.heads = entries.size("n_head");
  model.vocabulary = entries.size("vocab_size");
  model.positions = entries.size("n_positions", most_positions);
  model.intermediate = entries.optional_size("n_inner").value_or(0);
  model.activation = read_activation(entries, "activation_function", ActivationKind::gelu_tanh);
  model.fused_qkv = true;
  model.tied_embeddings = entries.flag("tie_word_embeddings", true);
  refuse_cross_attention(entries);
  return model;
}

ModelSpec read_opt(Entries& entries) {
  ModelSpec model = with_biases_and_layer_norms();
  read_sizes(entries, model);
  model.position_offset = 2;
  model.activation = read_activation(entries, "activation_function", ActivationKind::relu);
  model.intermediate = entries.size("ffn_dim");
  model.embedding_size = entries.optional_size("word_embed_proj_dim").value_or(0);
  const bool biases = entries.flag("enable_bias", true);
  model.attention_bias = biases;
  model.output_bias = biases;
  model.mlp_bias = biases;
  const bool norm_first = entries.flag("do_layer_norm_before", true);
  model.final_norm = norm_first && !entries.flag("_remove_final_layer_norm", false);
  model.tied_embeddings = entries.flag("tie_word_embeddings", true);
  if (!entries.flag("layer_norm_elementwise_affine", true)) {
    entries.error("layer_norm_elementwise_affine",
                  "must be true: norms without weights are not supported");
  }
  return model;
}

void warn_of_window(Entries& entries, std::int64_t window, std::int64_t positions) {
  if (window < positions) {
    entries.warning("the sliding window of " + std::to_string(window) +
                    " tokens is not modelled: every position is kept and read");
  }
}

// LLaMA and its relatives: rotary positions, gated MLP, grouped heads.
ModelSpec read_grouped(Entries& entries) {
  ModelSpec model;
  read_sizes(entries, model);
  model.intermediate = entries.size("intermediate_size");
  model.kv_heads = entries.optional_size("num_key_value_heads").value_or(0);
  model.head_size = entries.optional_size("head_dim").value_or(0);
  model.mlp = MlpKind::gated;
  model.activation = read_activation(entries, "hidden_act", ActivationKind::silu);
  model.rotary_fraction = rotary_fraction(entries, 1.0);
  model.tied_embeddings = entries.flag("tie_word_embeddings", false);
  return model;
}

ModelSpec read_llama(Entries& entries) {
  ModelSpec model = read_grouped(entries);
  model.attention_bias = entries.flag("attention_bias", false);
  model.output_bias = model.attention_bias;
  model.mlp_bias = entries.flag("mlp_bias", false);
  return model;
}

ModelSpec read_mistral(Entries& entries) {
  ModelSpec model = read_grouped(entries);
  // Absent is not null here: the class's own default is 8 heads, and a window of 4,096.
  if (!entries.mentions("num_key_value_heads")) {
    model.kv_heads = 8;
  }
  if (const auto window = entries.optional_size("sliding_window")) {
    warn_of_window(entries, *window, model.positions);
  } else if (!entries.mentions("sliding_window")) {
    warn_of_window(entries, 4096, model.positions);
  }
  return model;
}

ModelSpec read_qwen2(Entries& entries) {
  ModelSpec model = read_grouped(entries);
  if (!entries.mentions("num_key_value_heads")) {
    model.kv_heads = 32;
  }
  model.attention_bias = true;
  if (entries.flag("use_sliding_window", false)) {
    warn_of_window(entries, entries.optional_size("sliding_window").value_or(4096),
                   model.positions);
  }
  return model;
}

ModelSpec read_phi(Entries& entries) {
  ModelSpec model = with_biases_and_layer_norms();
  read_sizes(entries, model);
  model.position = PositionKind::rotary;
  model.rotary_fraction = rotary_fraction(entries, 0.5);
  model.activation = read_activation(entries, "hidden_act", ActivationKind::gelu_tanh);
  model.intermediate = entries.size("intermediate_size");
  model.kv_heads = entries.optional_size("num_key_value_heads").value_or(0);
  model.norms_per_layer = 1;
  model.head_bias = true;
  model.tied_embeddings = entries.flag("tie_word_embeddings", false);
  if (entries.flag("qk_layernorm", false)) {
    entries.error("qk_layernorm", "is not supported: it adds norms of queries and keys");
  }
  return model;
}

ModelSpec read_bert(Entries& entries) {
  ModelSpec model = with_biases_and_layer_norms();
  read_sizes(entries, model);
  model.kind = ModelKind::encoder;
  model.activation = read_activation(entries, "hidden_act", ActivationKind::gelu);
  model.intermediate = entries.size("intermediate_size");
  model.token_types = entries.optional_size("type_vocab_size").value_or(2);
  model.embedding_norm = true;
  model.final_norm = false;
  model.pooler = true;
  if (entries.text("position_embedding_type").value_or("absolute") != "absolute") {
    entries.error("position_embedding_type",
                  "must be 'absolute': relative positions are not supported");
  }
  if (entries.flag("is_decoder", false)) {
    entries.error("is_decoder", "is not supported: BERT is modelled as an encoder");
  }
  refuse_cross_attention(entries);
  return model;
}

struct Family {
  std::string_view model_type;
  ModelSpec (*read)(Entries&);
};

constexpr std::array<Family, 7> families{{{"bert", read_bert},
                                          {"gpt2", read_gpt2},
                                          {"llama", read_llama},
                                          {"mistral", read_mistral},
                                          {"opt", read_opt},
                                          {"phi", read_phi},
                                          {"qwen2", read_qwen2}}};

std::string unsupported(const std::string& model_type) {
  std::string known;
  std::vector<std::string> names;
  for (const Family& family : families) {
    names.emplace_back(family.model_type);
    known += (known.empty() ? "" : ", ") + names.back();
  }
  const auto near = closest(model_type, names);
  return "'model_type' is '" + model_type + "', which is not supported" +
         (near ? "; did you mean '" + *near + "'?" : std::string{}) + " (supported: " + known +
         "; any other model can be given as a mapping)";
}

std::string read_text(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  std::error_code ignored;
  if (!file || std::filesystem::is_directory(path, ignored)) {
    throw UnreadableFile{Place{path}, "no such file, or it cannot be read"};
  }
  std::string text{std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{}};
  if (file.bad()) {
    throw UnreadableFile{Place{path}, "the file cannot be read to its end"};
  }
  return text;
}

Place place_at(const std::string& path, std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::size_t newline = before.rfind('\n');
  const std::size_t column =
      newline == std::string_view::npos ? before.size() : before.size() - newline - 1;
  return Place{path, lines + 1, static_cast<std::int64_t>(column) + 1};
}

json::value parse(const std::string& path, const std::string& text) {
  json::parser parser;
  json::error_code problem;
  const std::size_t consumed = parser.write_some(text.data(), text.size(), problem);
  if (problem) {
    throw BadInput{place_at(path, text, consumed), "this is not JSON: " + problem.message()};
  }
  if (text.find_first_not_of(" \t\r\n", consumed) != std::string::npos) {
    throw BadInput{place_at(path, text, consumed), "there is more text after the JSON value"};
  }
  return parser.release();
}

// The hub's name of the model, else the folder that the file lies in.
std::string name_of_model(Entries& entries, const std::string& path) {
  const std::string given = entries.text("_name_or_path").value_or("");
  const std::filesystem::path source =
      given.empty() ? std::filesystem::absolute(path).parent_path() : std::filesystem::path{given};
  const std::string name =
      source.has_filename() ? source.filename().string() : source.parent_path().filename().string();
  return name.empty() ? "custom" : name;
}

ModelSpec read_model(Entries& entries) {
  const auto model_type = entries.text("model_type");
  if (!model_type) {
    if (!entries.has("model_type")) {
      entries.error("model_type", "is missing");
    }
    return {};
  }
  const auto* const family =
      std::find_if(families.begin(), families.end(),
                   [&](const Family& known) { return known.model_type == *model_type; });
  if (family == families.end()) {
    entries.error(unsupported(*model_type));
    return {};
  }
  ModelSpec model = family->read(entries);
  if (!has_errors(entries.found())) {
    for (std::string& contradiction : contradictions(model)) {
      entries.error(std::move(contradiction));
    }
  }
  return model;
}

}  // namespace

ModelSpec model_from_hugging_face(const std::string& path, Diagnostics* notes) {
  const json::value document = parse(path, read_text(path));
  if (!document.is_object()) {
    throw BadInput{Place{path}, "this is no model: a config.json holds one JSON object"};
  }
  Entries entries{document.get_object(), path};
  ModelSpec model = read_model(entries);
  model.name = name_of_model(entries, path);
  if (entries.has("quantization_config")) {
    entries.warning(
        "'quantization_config' is not read: the scenario's 'precision' gives the number formats");
  }
  if (has_errors(entries.found())) {
    throw BadInput{entries.found()};
  }
  if (notes != nullptr) {
    notes->insert(notes->end(), entries.found().begin(), entries.found().end());
  }
  return model;
}

}  // namespace tessera
