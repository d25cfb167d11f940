// A card and models for the tests of cost, written out so that no preset can change them.
#pragma once

#include "tessera/cost/cost_model.hpp"
#include "tessera/hardware/gpu.hpp"
#include "tessera/model/model.hpp"

namespace tessera::cost_fixtures {

inline ModelSpec llama_7b() {
  ModelSpec model;
  model.name = "llama-7b";
  model.layers = 32;
  model.hidden = 4096;
  model.heads = 32;
  model.intermediate = 11008;
  model.vocabulary = 32000;
  model.mlp = MlpKind::gated;
  return model;
}

inline ModelSpec llama_8b() {
  ModelSpec model = llama_7b();
  model.name = "llama-3.1-8b";
  model.kv_heads = 8;
  model.intermediate = 14336;
  model.vocabulary = 128256;
  return model;
}

inline ModelSpec gpt2() {
  ModelSpec model;
  model.name = "gpt2";
  model.layers = 12;
  model.hidden = 768;
  model.heads = 12;
  model.vocabulary = 50257;
  model.positions = 1024;
  model.position = PositionKind::learned;
  model.norm = NormKind::layer_norm;
  model.attention_bias = model.output_bias = model.mlp_bias = model.tied_embeddings = true;
  return model;
}

// A T4 by its sheet, with efficiencies like those of its preset.
inline GpuSpec t4() {
  GpuSpec gpu;
  gpu.name = "t4";
  gpu.peak = {Flops{8.1e12}, Flops{65e12}, Flops{0.0}, Flops{130e12}, Flops{260e12}};
  gpu.memory = Bytes{15095ll << 20};
  gpu.memory_bandwidth = Bandwidth{320e9};
  gpu.link_bandwidth = Bandwidth{16e9};
  gpu.link_measured = Bandwidth{12.3e9};
  gpu.gemm = {0.3971, 0.8201, Duration::microseconds(20), 1.208, Tokens{128}, Tokens{64}};
  gpu.gemm_fp32 = {0.53, 0.82, Duration::microseconds(20), 1.208};
  gpu.gemm_int8 = {0.54, 0.82, Duration::microseconds(20), 1.208};
  gpu.attention_prefill = {0.15, 0.75, Duration::microseconds(10), 64.0, Tokens{128}};
  gpu.attention_decode = {0.15, 0.75, Duration::microseconds(10), 64.0};
  gpu.attention_decode.sequence = Duration::nanoseconds(300);
  gpu.elementwise.norm = {0.5, 0.33, Duration::nanoseconds(4400), 64.0};
  gpu.elementwise.rope = {0.5, 0.49, Duration::nanoseconds(3400), 64.0};
  gpu.elementwise.activation = {0.5, 0.47, Duration::nanoseconds(5600), 64.0};
  gpu.elementwise.residual = {0.5, 0.84, Duration::nanoseconds(1100), 64.0};
  gpu.elementwise.copy = {0.5, 0.75, Duration::nanoseconds(4400), 64.0};
  gpu.elementwise.concat = gpu.elementwise.copy;
  return gpu;
}

// The chunk [past, past + tokens) of one prompt; `sampled` of 0 or 1 for its last chunk.
inline StepShape chunk(std::int64_t past, std::int64_t tokens, std::int64_t sampled) {
  StepShape shape;
  shape.prefill_tokens = Tokens{tokens};
  shape.prefill_sequences = 1;
  shape.sampled_sequences = sampled;
  shape.prefill_pairs = tokens * past + tokens * (tokens + 1) / 2;
  shape.prefill_squares = tokens * tokens;
  shape.prefill_context = Tokens{past + tokens};
  return shape;
}

inline StepShape decode(std::int64_t batch, std::int64_t context_each) {
  StepShape shape;
  shape.decode_sequences = batch;
  shape.sampled_sequences = batch;
  shape.decode_context = Tokens{batch * context_each};
  return shape;
}

}  // namespace tessera::cost_fixtures
