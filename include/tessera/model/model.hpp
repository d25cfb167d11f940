// A transformer's architecture as plain values, and its exact arithmetic: parameters and bytes.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"
#include "tessera/model/precision.hpp"

namespace tessera {

enum class MlpKind { plain, gated };  // gated: SwiGLU, three matrices
enum class PositionKind { learned, rotary, none };
enum class NormKind { layer_norm, rms_norm };               // layer_norm has a bias
enum class ModelKind { decoder, encoder };                  // encoder: one bidirectional pass
enum class ActivationKind { silu, gelu, gelu_tanh, relu };  // gelu_tanh: GPT-2's "gelu_new"

template <>
struct EnumNames<MlpKind> {
  static constexpr std::array<std::string_view, 2> names{"plain", "gated"};
};
template <>
struct EnumNames<PositionKind> {
  static constexpr std::array<std::string_view, 3> names{"learned", "rotary", "none"};
};
template <>
struct EnumNames<NormKind> {
  static constexpr std::array<std::string_view, 2> names{"layer_norm", "rms_norm"};
};
template <>
struct EnumNames<ModelKind> {
  static constexpr std::array<std::string_view, 2> names{"decoder", "encoder"};
};

template <>
struct EnumNames<ActivationKind> {
  static constexpr std::array<std::string_view, 4> names{"silu", "gelu", "gelu_tanh", "relu"};
};

struct ModelSpec {
  std::string name = "custom";
  ModelKind kind = ModelKind::decoder;
  std::int64_t layers = 0;
  std::int64_t hidden = 0;  // h
  std::int64_t heads = 0;
  std::int64_t kv_heads = 0;         // 0: as many as heads
  std::int64_t head_size = 0;        // 0: hidden / heads
  std::int64_t intermediate = 0;     // f, the MLP's width; 0: 4·hidden
  std::int64_t vocabulary = 0;       // V
  std::int64_t positions = 0;        // the longest sequence the model was made for
  std::int64_t position_offset = 0;  // extra rows of a learned position table (OPT: 2)
  std::int64_t embedding_size = 0;   // 0: hidden (OPT-350m: 512, with projections in and out)
  std::int64_t token_types = 0;      // BERT: 2
  MlpKind mlp = MlpKind::plain;
  ActivationKind activation = ActivationKind::silu;
  PositionKind position = PositionKind::rotary;
  double rotary_fraction = 1.0;  // of each head, that rotary positions turn (phi-2: 0.4)
  NormKind norm = NormKind::rms_norm;
  std::int64_t norms_per_layer = 2;  // phi: 1 (attention and MLP in parallel)
  bool embedding_norm = false;       // BERT: a norm before the first layer
  bool final_norm = true;
  bool fused_qkv = false;       // the checkpoint holds Q, K and V as one matrix (GPT-2)
  bool attention_bias = false;  // of Q, K and V
  bool output_bias = false;     // of the attention's output projection
  bool mlp_bias = false;
  bool head_bias = false;
  bool tied_embeddings = false;  // the LM head is the token embedding
  bool pooler = false;           // BERT's pooler, and no LM head

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    const auto positive = between(std::int64_t{1}, std::int64_t{1} << 24);
    const auto optional = between(std::int64_t{0}, std::int64_t{1} << 24);
    v.field("name", self.name, "the name that appears in results");
    v.field("kind", self.kind, "a decoder generates; an encoder makes one bidirectional pass");
    v.required("layers", self.layers, between(std::int64_t{1}, std::int64_t{10'000}), "l");
    v.required("hidden", self.hidden, positive, "h, the width of the residual stream");
    v.required("heads", self.heads, positive, "attention heads");
    v.field("kv_heads", self.kv_heads, optional, "heads of keys and values; 0: as many as heads");
    v.field("head_size", self.head_size, optional, "numbers a head; 0: hidden / heads");
    v.field("intermediate", self.intermediate, optional, "width of the MLP; 0: 4 x hidden");
    v.required("vocabulary", self.vocabulary, positive, "V, rows of the token embedding");
    v.field("positions", self.positions, between(std::int64_t{0}, std::int64_t{1} << 40),
            "longest sequence; 0: no limit of its own");
    v.field("position_offset", self.position_offset, optional,
            "extra rows of a learned position table");
    v.field("embedding_size", self.embedding_size, optional,
            "width of the token embedding; 0: hidden");
    v.field("token_types", self.token_types, optional, "rows of a token type table (BERT)");
    v.field("mlp", self.mlp, "plain: two matrices; gated: three");
    v.field("activation", self.activation, "between the matrices of the MLP");
    v.field("position", self.position, "how positions enter");
    v.field("rotary_fraction", self.rotary_fraction, between(1e-6, 1.0),
            "share of each head that rotary positions turn (partial_rotary_factor)");
    v.field("norm", self.norm, "layer_norm has a bias, rms_norm has none");
    v.field("norms_per_layer", self.norms_per_layer, between(std::int64_t{1}, std::int64_t{4}),
            "norms in a layer");
    v.field("embedding_norm", self.embedding_norm, "a norm before the first layer (BERT)");
    v.field("final_norm", self.final_norm, "a norm after the last layer");
    v.field("fused_qkv", self.fused_qkv, "the checkpoint holds Q, K and V as one matrix");
    v.field("attention_bias", self.attention_bias, "biases of Q, K and V");
    v.field("output_bias", self.output_bias, "bias of the attention's output projection");
    v.field("mlp_bias", self.mlp_bias, "biases of the MLP");
    v.field("head_bias", self.head_bias, "bias of the LM head");
    v.field("tied_embeddings", self.tied_embeddings, "the LM head shares the token embedding");
    v.field("pooler", self.pooler, "BERT's pooler in place of an LM head");
  }

  // The values behind the zeros above.
  [[nodiscard]] std::int64_t key_value_heads() const { return kv_heads > 0 ? kv_heads : heads; }
  [[nodiscard]] std::int64_t size_of_head() const {
    return head_size > 0 ? head_size : hidden / heads;
  }
  [[nodiscard]] std::int64_t mlp_width() const {
    return intermediate > 0 ? intermediate : 4 * hidden;
  }
  // Of a head's numbers, those that rotary positions turn: rounded down, as transformers do.
  [[nodiscard]] std::int64_t rotated_of_head() const {
    return static_cast<std::int64_t>(static_cast<double>(size_of_head()) * rotary_fraction);
  }
  [[nodiscard]] std::int64_t query_width() const { return heads * size_of_head(); }
  [[nodiscard]] std::int64_t key_value_width() const { return key_value_heads() * size_of_head(); }
};

// What contradicts itself in a model whose fields lie in their ranges: heads that do not divide,
// learned positions without a length, sizes whose bytes no integer holds. One sentence each, in the
// words of the keys. The functions below presuppose that there is nothing.
[[nodiscard]] std::vector<std::string> contradictions(const ModelSpec& model);

// Exact count of parameters, by part.
struct ParameterCount {
  std::int64_t embeddings = 0;  // tokens, positions, token types, projections in and out
  std::int64_t attention = 0;   // all layers
  std::int64_t mlp = 0;         // all layers
  std::int64_t norms = 0;       // all layers, the embedding's and the final one
  std::int64_t head = 0;        // the LM head's own (0 when tied), or the pooler
  [[nodiscard]] std::int64_t total() const { return embeddings + attention + mlp + norms + head; }
};
[[nodiscard]] ParameterCount count_parameters(const ModelSpec& model);

// The textbook's estimate: l·12h² + V·h.
[[nodiscard]] std::int64_t textbook_parameters(const ModelSpec& model);

// Bytes of the weights on one device, scales included: the linear layers of attention and MLP in
// `format`; embeddings with their projections, positions, norms, biases and LM head (or pooler)
// unquantised. A tied LM head is stored once, as the token embedding.
[[nodiscard]] Bytes weight_bytes(const ModelSpec& model, WeightFormat format);

// Bytes of the KV cache for one token over all layers: 2·l·(kv_heads·head_size numbers).
[[nodiscard]] Bytes kv_bytes_per_token(const ModelSpec& model, KvFormat format);

}  // namespace tessera
