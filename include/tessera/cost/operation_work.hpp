// What each operation of a transformer's forward pass computes and moves: FLOPs and bytes, without
// any time. All layers together; a multiplication and an addition are two FLOPs.
//
// Of a model that several GPUs share, the work is that of one shard: a matrix product, attention
// and what lies between them of its heads, its part of the MLP's width and of the vocabulary;
// norms, residual additions and the sampler (rank 0 samples from the gathered logits) whole; the
// embedding in the first stage, the LM head and the sampler in the last. Shards of a layer sum to
// the layer, but for what is on every rank: copies of keys and values where their heads are fewer
// than the ranks, and the scales of quantised matrices whose inputs are divided.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"
#include "tessera/model/model.hpp"
#include "tessera/model/precision.hpp"
#include "tessera/model/shard.hpp"

namespace tessera {

enum class Operation {
  embedding,
  norm,
  qkv_proj,
  rope,
  kv_write,
  attention,
  out_proj,
  residual,
  mlp_up,
  mlp_act,
  mlp_down,
  kv_concat,
  kv_swap,
  all_reduce,
  send_recv,
  lm_head,
  sampler,
  overhead
};
template <>
struct EnumNames<Operation> {
  static constexpr std::array<std::string_view, 18> names{
      "embedding", "norm",       "qkv_proj",  "rope",    "kv_write", "attention",
      "out_proj",  "residual",   "mlp_up",    "mlp_act", "mlp_down", "kv_concat",
      "kv_swap",   "all_reduce", "send_recv", "lm_head", "sampler",  "overhead"};
};

struct OperationWork {
  double flops = 0.0;
  double weight_bytes = 0.0;      // parameters, scales included
  double activation_bytes = 0.0;  // read and written; keys and values among them
  std::int64_t kernels = 0;       // launched, all layers together
  [[nodiscard]] double bytes() const { return weight_bytes + activation_bytes; }
};

// The operations whose work follows from the number of new tokens in a step, in the order in which
// a layer runs them.
inline constexpr std::array<Operation, 10> token_operations{
    Operation::embedding, Operation::norm,     Operation::qkv_proj, Operation::rope,
    Operation::kv_write,  Operation::out_proj, Operation::residual, Operation::mlp_up,
    Operation::mlp_act,   Operation::mlp_down};
// Those whose work follows from the number of sequences that sample.
inline constexpr std::array<Operation, 2> sampling_operations{Operation::lm_head,
                                                              Operation::sampler};

// The work of one of token_operations for `tokens` tokens. Nothing where the model lacks it.
[[nodiscard]] OperationWork token_work(Operation operation, const ModelSpec& model,
                                       const PrecisionSpec& precision, Tokens tokens,
                                       const Shard& shard = {});

// The work of one of sampling_operations for `sequences` sequences.
[[nodiscard]] OperationWork sampling_work(Operation operation, const ModelSpec& model,
                                          const PrecisionSpec& precision, std::int64_t sequences,
                                          const Shard& shard = {});

// Attention is linear in query-key pairs, in the context that is read and in new tokens.
struct AttentionWork {
  double flops_per_pair = 0.0;  // 4·(heads·head_size)·layers: QKᵀ, and its product with V
  double bytes_per_context_token = 0.0;  // its keys and values, read
  double bytes_per_new_token = 0.0;      // queries in, output out
  std::int64_t kernels = 0;
};
[[nodiscard]] AttentionWork attention_work(const ModelSpec& model, const PrecisionSpec& precision,
                                           const Shard& shard = {});

// What each GPU of a ring sends, in so many steps of it, `times` times a pass.
struct RingWork {
  double bytes = 0.0;      // each time
  std::int64_t steps = 0;  // each time
  std::int64_t times = 0;
};

// Tensor parallelism's two sums a layer over T x h activations, behind out_proj and mlp_down.
[[nodiscard]] RingWork all_reduce_work(const ModelSpec& model, const PrecisionSpec& precision,
                                       Tokens tokens, const Shard& shard);
// The sum over the looked-up rows of a divided token embedding, T x e.
[[nodiscard]] RingWork embedding_sum_work(const ModelSpec& model, const PrecisionSpec& precision,
                                          Tokens tokens, const Shard& shard);
// The logits of a divided LM head, gathered on rank 0: S x V.
[[nodiscard]] RingWork logits_gather_work(const ModelSpec& model, const PrecisionSpec& precision,
                                          std::int64_t sequences, const Shard& shard);
// T x h activations from a stage to the next: each rank sends its part to its like, and the ranks
// gather the whole. Nothing behind the last stage.
[[nodiscard]] RingWork send_work(const ModelSpec& model, const PrecisionSpec& precision,
                                 Tokens tokens, const Shard& shard);
[[nodiscard]] RingWork stage_gather_work(const ModelSpec& model, const PrecisionSpec& precision,
                                         Tokens tokens, const Shard& shard);

}  // namespace tessera
