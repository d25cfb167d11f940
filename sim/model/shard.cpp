// Who holds what: vLLM's QKVParallelLinear (heads), VocabParallelEmbedding (pad_vocab_size to 64)
// and get_pp_indices (layers).
#include "tessera/model/shard.hpp"

#include <algorithm>
#include <numeric>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

constexpr std::int64_t vocabulary_padding = 64;

std::int64_t rank_vocabulary(std::int64_t vocabulary, std::int64_t ranks) {
  const std::int64_t multiple = std::lcm(vocabulary_padding, ranks);
  return (vocabulary + multiple - 1) / multiple * multiple / ranks;
}

// Inputs of a matrix that must stay together because they share a scale.
std::int64_t inputs_a_scale(WeightFormat format) {
  switch (format) {
    case WeightFormat::int4:
    case WeightFormat::awq:
    case WeightFormat::gptq:
      return 128;
    case WeightFormat::q8_0:
    case WeightFormat::q4_0:
      return 32;
    default:
      return 1;
  }
}

std::string quoted(const char* key, std::int64_t value) {
  return std::string{"'"} + key + "' (" + std::to_string(value) + ")";
}

}  // namespace

Shard shard_of_device(const ShardDegrees& degrees, std::int64_t device) {
  TESSERA_INVARIANT(device >= 0 && device < degrees.devices(), "a device of the engine");
  return {degrees, device % degrees.tensor, device / degrees.tensor};
}

std::int64_t layers_of_stage(std::int64_t layers, std::int64_t pipeline, std::int64_t stage) {
  TESSERA_INVARIANT(stage >= 0 && stage < pipeline, "a stage of the pipeline");
  const std::int64_t remaining = layers % pipeline;
  const std::int64_t before_last = pipeline - 1 - stage;
  const bool takes_one_more = before_last >= 1 && before_last <= remaining;
  return layers / pipeline + (takes_one_more ? 1 : 0);
}

ModelSpec model_of_shard(const ModelSpec& model, const Shard& shard) {
  const auto [tensor, pipeline] = shard.degrees;
  ModelSpec part = model;
  part.layers = layers_of_stage(model.layers, pipeline, shard.stage);
  part.embedding_norm = model.embedding_norm && shard.is_first_stage();
  part.final_norm = model.final_norm && shard.is_last_stage();
  if (tensor > 1) {
    part.head_size = model.size_of_head();
    part.heads = model.heads / tensor;
    part.kv_heads = std::max<std::int64_t>(1, model.key_value_heads() / tensor);
    part.intermediate = model.mlp_width() / tensor;
    part.vocabulary = rank_vocabulary(model.vocabulary, tensor);
  }
  return part;
}

std::vector<std::string> why_not_shared(const ModelSpec& model, WeightFormat weights,
                                        const ShardDegrees& degrees) {
  std::vector<std::string> found;
  const std::int64_t ranks = degrees.tensor;
  const std::string of_model = " of '" + model.name + "' ";
  const auto share = [&](const char* key, std::int64_t whole) {
    if (whole % ranks != 0) {
      found.push_back("the " + quoted(key, whole) + of_model + "cannot be divided by " +
                      std::to_string(ranks) + " ranks");
    }
  };
  share("heads", model.heads);
  share("intermediate", model.mlp_width());
  const std::int64_t kv_heads = model.key_value_heads();
  if (kv_heads % ranks != 0 && ranks % kv_heads != 0) {
    found.push_back("the " + quoted("kv_heads", kv_heads) + of_model +
                    "can neither be divided by nor be copied evenly to " + std::to_string(ranks) +
                    " ranks");
  }
  const std::int64_t together = inputs_a_scale(weights);
  const auto keep_groups = [&](const char* key, std::int64_t whole) {
    if (whole / ranks % together != 0) {
      found.push_back("a rank's share of the " + quoted(key, whole) + of_model +
                      "is no whole number of the groups of " + std::to_string(together) +
                      " that share a scale in " + std::string(name_of(weights)));
    }
  };
  if (ranks > 1 && found.empty()) {
    keep_groups("intermediate", model.mlp_width());
    keep_groups("heads' width", model.heads * model.size_of_head());
  }
  if (degrees.pipeline > model.layers) {
    found.push_back("the " + quoted("layers", model.layers) + of_model +
                    "are fewer than the stages (" + std::to_string(degrees.pipeline) + ")");
  }
  return found;
}

Bytes kv_bytes_per_token(const ModelSpec& model, KvFormat format, const Shard& shard) {
  return kv_bytes_per_token(model_of_shard(model, shard), format);
}

}  // namespace tessera
