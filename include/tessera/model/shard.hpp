// The part of a model that one GPU holds when several share it.
//
// Tensor parallelism splits every layer over `tensor` ranks (Megatron-LM, Shoeybi et al. 2019, as
// vLLM does it): heads, the MLP's width and the vocabulary are divided, norms, learned positions
// and the biases of the two products that end a block are on every rank. Where there are fewer
// heads of keys and values than ranks, each rank holds one, and ranks hold copies. The vocabulary
// is padded to a multiple of 64 before it is divided, and of 64 ranks' worth where 64 does not do.
// Pipeline parallelism gives each of `pipeline` stages consecutive layers: the first has the
// embedding, the last the final norm and the LM head.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tessera/model/model.hpp"

namespace tessera {

// How many GPUs share one copy of a model.
struct ShardDegrees {
  std::int64_t tensor = 1;
  std::int64_t pipeline = 1;
  [[nodiscard]] std::int64_t devices() const { return tensor * pipeline; }
};

// One of these GPUs. The default is a GPU with a whole model.
struct Shard {
  ShardDegrees degrees;
  std::int64_t rank = 0;   // in its tensor-parallel group
  std::int64_t stage = 0;  // of the pipeline
  [[nodiscard]] bool is_first_stage() const { return stage == 0; }
  [[nodiscard]] bool is_last_stage() const { return stage + 1 == degrees.pipeline; }
};

// The GPU with the number `device` of an engine: stage by stage, rank by rank.
[[nodiscard]] Shard shard_of_device(const ShardDegrees& degrees, std::int64_t device);

// Layers of a stage, as vLLM's get_pp_indices divides them: as many each, and those that remain go
// to the last stages but one, one each. Precondition: 0 <= stage < pipeline <= layers.
[[nodiscard]] std::int64_t layers_of_stage(std::int64_t layers, std::int64_t pipeline,
                                           std::int64_t stage);

// The model as the shard computes it: the sizes of its share. Whether it embeds tokens and computes
// logits is told by the shard. Precondition: why_not_shared() has nothing to say.
[[nodiscard]] ModelSpec model_of_shard(const ModelSpec& model, const Shard& shard);

// Why a model cannot be shared so: what does not divide, a sentence each in the words of the keys.
[[nodiscard]] std::vector<std::string> why_not_shared(const ModelSpec& model, WeightFormat weights,
                                                      const ShardDegrees& degrees);

// As the functions on a whole model, of what one shard holds. A tied LM head is the token embedding
// where one stage has both, and a copy of it where it has not.
[[nodiscard]] Bytes weight_bytes(const ModelSpec& model, WeightFormat format, const Shard& shard);
[[nodiscard]] Bytes kv_bytes_per_token(const ModelSpec& model, KvFormat format, const Shard& shard);

}  // namespace tessera
