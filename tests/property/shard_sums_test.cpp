// What several GPUs hold and compute sums to what one would, for every preset, degree and format.
#include <gtest/gtest.h>

#include <vector>

#include "tessera/config/load.hpp"
#include "tessera/cost/operation_work.hpp"

namespace tessera {
namespace {

constexpr PrecisionSpec half{};
constexpr std::array<Operation, 7> divided{
    Operation::qkv_proj, Operation::rope,    Operation::kv_write, Operation::out_proj,
    Operation::mlp_up,   Operation::mlp_act, Operation::mlp_down};
constexpr std::array<Operation, 2> on_every_rank{Operation::norm, Operation::residual};

struct Case {
  ModelSpec model;
  ShardDegrees degrees;
};

// Every decoder of the presets, shared in every way that divides it.
std::vector<Case> cases() {
  std::vector<Case> all;
  for (const Listing& listing : list_models()) {
    const ModelSpec model = model_preset(listing.name);
    for (const std::int64_t tensor : {1, 2, 3, 4, 8, 16}) {
      for (const std::int64_t pipeline : {1, 2, 3, 5}) {
        const ShardDegrees degrees{tensor, pipeline};
        if (why_not_shared(model, WeightFormat::fp16, degrees).empty()) {
          all.push_back({model, degrees});
        }
      }
    }
  }
  return all;
}

std::string told(const Case& c) {
  return c.model.name + " over " + std::to_string(c.degrees.tensor) + " x " +
         std::to_string(c.degrees.pipeline);
}

bool copies_heads(const Case& c) {
  return c.model.key_value_heads() < c.degrees.tensor;
}

template <class Function>
auto sum_over_devices(const Case& c, Function value) {
  auto sum = value(Shard{c.degrees, 0, 0});
  for (std::int64_t device = 1; device < c.degrees.devices(); ++device) {
    sum += value(shard_of_device(c.degrees, device));
  }
  return sum;
}

TEST(ShardSums, ThereAreCases) {
  EXPECT_GT(cases().size(), 200u);
}

TEST(ShardSums, DividedOperationsSumToTheWhole) {
  for (const Case& c : cases()) {
    for (const Operation operation : divided) {
      if (copies_heads(c)) {
        continue;
      }
      const OperationWork whole = token_work(operation, c.model, half, Tokens{37});
      const auto flops = sum_over_devices(c, [&](const Shard& shard) {
        return token_work(operation, c.model, half, Tokens{37}, shard).flops;
      });
      EXPECT_EQ(flops, whole.flops) << told(c) << ", " << name_of(operation);
    }
    const auto pairs = sum_over_devices(
        c, [&](const Shard& shard) { return attention_work(c.model, half, shard).flops_per_pair; });
    EXPECT_EQ(pairs, attention_work(c.model, half).flops_per_pair) << told(c);
  }
}

TEST(ShardSums, WhatEveryRankDoesIsTheWholeOnEach) {
  for (const Case& c : cases()) {
    for (const Operation operation : on_every_rank) {
      const OperationWork whole = token_work(operation, c.model, half, Tokens{37});
      const auto flops = sum_over_devices(c, [&](const Shard& shard) {
        return token_work(operation, c.model, half, Tokens{37}, shard).flops;
      });
      EXPECT_EQ(flops, whole.flops * static_cast<double>(c.degrees.tensor)) << told(c);
    }
  }
}

// The parameters that each rank keeps for itself, beyond its share.
std::int64_t copied_parameters(const Case& c) {
  const ModelSpec& m = c.model;
  const std::int64_t h = m.hidden;
  const std::int64_t extra = c.degrees.tensor - 1;
  const std::int64_t width = m.embedding_size > 0 ? m.embedding_size : h;
  const std::int64_t heads = m.key_value_heads();
  std::int64_t each = count_parameters(m).norms + m.token_types * h;
  each += width != h ? 2 * width * h : 0;
  each += m.position == PositionKind::learned ? (m.positions + m.position_offset) * h : 0;
  each += m.layers * ((m.output_bias ? h : 0) + (m.mlp_bias ? h : 0));
  each += m.pooler ? h * h + h : 0;
  std::int64_t copies = extra * each;
  if (copies_heads(c)) {
    const std::int64_t more = (c.degrees.tensor - heads) * m.size_of_head();
    copies += m.layers * 2 * more * (h + (m.attention_bias ? 1 : 0));
  }
  // The vocabulary's padding, in the embedding and in the head.
  const ModelSpec part = model_of_shard(m, {c.degrees, 0, 0});
  const std::int64_t padded = part.vocabulary * c.degrees.tensor;
  const bool own_head = !m.tied_embeddings && !m.pooler;
  copies += (padded - m.vocabulary) * width * (own_head ? 2 : 1);
  copies += m.head_bias ? padded - m.vocabulary : 0;
  // A tied head on another stage than its embedding.
  copies += c.degrees.pipeline > 1 && m.tied_embeddings && !m.pooler ? padded * width : 0;
  return copies;
}

TEST(ShardSums, WeightsSumToTheWholeAndWhatIsCopied) {
  for (const Case& c : cases()) {
    for (const WeightFormat format : {WeightFormat::fp16, WeightFormat::fp32}) {
      const Bytes sum = sum_over_devices(
          c, [&](const Shard& shard) { return weight_bytes(c.model, format, shard); });
      const Bytes copies = unquantised_bytes(format) * copied_parameters(c);
      EXPECT_EQ(sum, weight_bytes(c.model, format) + copies) << told(c);
    }
  }
}

TEST(ShardSums, ScalesOfDividedInputsAreOnEveryRank) {
  const ModelSpec model = model_preset("llama-7b");
  const ShardDegrees two{2, 1};
  const Bytes rank = weight_bytes(model, WeightFormat::int8, {two, 0, 0});
  // out_proj and mlp_down keep a scale of two bytes an output row on both ranks; norms are whole.
  const std::int64_t copies = 32 * 2 * 2 * 4096 + 2 * (2 * 32 + 1) * 4096;
  EXPECT_EQ(2 * rank, weight_bytes(model, WeightFormat::int8) + Bytes{copies});
}

TEST(ShardSums, KvSumsToTheWholeWhereTheHeadsDivide) {
  for (const Case& c : cases()) {
    const Bytes whole = kv_bytes_per_token(c.model, KvFormat::fp16);
    const Bytes sum = sum_over_devices(
        c, [&](const Shard& shard) { return kv_bytes_per_token(c.model, KvFormat::fp16, shard); });
    const std::int64_t copies =
        copies_heads(c) ? c.degrees.tensor / c.model.key_value_heads() : std::int64_t{1};
    EXPECT_EQ(sum, whole * copies) << told(c);
  }
}

TEST(ShardSums, StagesHaveAllLayersAndDifferByOneAtTheMost) {
  for (std::int64_t layers = 1; layers <= 40; ++layers) {
    for (std::int64_t pipeline = 1; pipeline <= layers; ++pipeline) {
      std::int64_t sum = 0;
      for (std::int64_t stage = 0; stage < pipeline; ++stage) {
        const std::int64_t own = layers_of_stage(layers, pipeline, stage);
        EXPECT_TRUE(own == layers / pipeline || own == layers / pipeline + 1);
        sum += own;
      }
      EXPECT_EQ(sum, layers);
      EXPECT_TRUE(pipeline == 1 ||
                  layers_of_stage(layers, pipeline, pipeline - 1) == layers / pipeline);
    }
  }
}

}  // namespace
}  // namespace tessera
