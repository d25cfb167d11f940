// Shards and links against numbers worked out by hand.
#include "tessera/model/shard.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tessera/cost/operation_work.hpp"
#include "tests/unit/cost_fixtures.hpp"

namespace tessera {
namespace {

using namespace cost_fixtures;

TEST(Shard, LayersGoToStagesAsVllmDividesThem) {
  const auto stages = [](std::int64_t layers, std::int64_t pipeline) {
    std::vector<std::int64_t> all;
    for (std::int64_t stage = 0; stage < pipeline; ++stage) {
      all.push_back(layers_of_stage(layers, pipeline, stage));
    }
    return all;
  };
  EXPECT_EQ(stages(32, 4), (std::vector<std::int64_t>{8, 8, 8, 8}));
  EXPECT_EQ(stages(5, 3), (std::vector<std::int64_t>{2, 2, 1}));
  EXPECT_EQ(stages(33, 4), (std::vector<std::int64_t>{8, 8, 9, 8}));
  EXPECT_EQ(stages(34, 4), (std::vector<std::int64_t>{8, 9, 9, 8}));
}

TEST(Shard, ARankOfGroupedQueriesHoldsItsHeadsOrACopy) {
  const ModelSpec model = llama_8b();  // 32 heads, 8 of keys and values
  EXPECT_EQ(model_of_shard(model, {{4, 1}, 0, 0}).kv_heads, 2);
  EXPECT_EQ(model_of_shard(model, {{16, 1}, 0, 0}).kv_heads, 1);
  EXPECT_EQ(model_of_shard(model, {{16, 1}, 0, 0}).heads, 2);
  EXPECT_EQ(kv_bytes_per_token(model, KvFormat::fp16, {{16, 1}, 0, 0}), Bytes{2 * 32 * 128 * 2});
}

TEST(Shard, TheVocabularyIsPaddedBeforeItIsDivided) {
  const auto rows = [](std::int64_t vocabulary, std::int64_t ranks) {
    ModelSpec model = llama_7b();
    model.vocabulary = vocabulary;
    return model_of_shard(model, {{ranks, 1}, 0, 0}).vocabulary;
  };
  EXPECT_EQ(rows(32000, 2), 16000);
  EXPECT_EQ(rows(32001, 2), 16032);
  EXPECT_EQ(rows(50257, 4), 12576);
}

TEST(Shard, WhatDoesNotDivideIsTold) {
  const ModelSpec model = gpt2();  // 12 heads
  EXPECT_TRUE(why_not_shared(model, WeightFormat::fp16, {4, 12}).empty());
  const auto heads = why_not_shared(model, WeightFormat::fp16, {8, 1});
  ASSERT_EQ(heads.size(), 2u);
  EXPECT_EQ(heads[0], "the 'heads' (12) of 'gpt2' cannot be divided by 8 ranks");
  EXPECT_EQ(heads[1],
            "the 'kv_heads' (12) of 'gpt2' can neither be divided by nor be copied evenly to 8 "
            "ranks");
  const auto layers = why_not_shared(model, WeightFormat::fp16, {1, 13});
  ASSERT_EQ(layers.size(), 1u);
  EXPECT_EQ(layers[0], "the 'layers' (12) of 'gpt2' are fewer than the stages (13)");
  const auto groups = why_not_shared(llama_7b(), WeightFormat::awq, {4, 1});
  ASSERT_EQ(groups.size(), 1u);  // 11008 / 4 = 2752 = 21.5 groups
  EXPECT_NE(groups[0].find("groups of 128"), std::string::npos);
}

TEST(Shard, TheFirstStageEmbedsAndTheLastHasTheHead) {
  const ModelSpec model = llama_7b();
  const Bytes table{2ll * 32000 * 4096};
  const Bytes first = weight_bytes(model, WeightFormat::fp16, {{1, 4}, 0, 0});
  const Bytes middle = weight_bytes(model, WeightFormat::fp16, {{1, 4}, 0, 1});
  const Bytes last = weight_bytes(model, WeightFormat::fp16, {{1, 4}, 0, 3});
  EXPECT_EQ(first, middle + table);
  EXPECT_EQ(last, middle + table + Bytes{2 * 4096});
}

HardwareSpec four_t4(PcieLink link) {
  return {.node = {}, .gpu = t4(), .count = 4, .link = link};
}

TEST(Link, ABridgeIsSharedByItsGpus) {
  PcieLink link;
  link.gpus_per_bridge = 2;
  link.bridge_bandwidth = Bandwidth{16e9};
  link.between_bridges = Bandwidth{5e9};
  const HardwareSpec node = four_t4(link);
  EXPECT_EQ(link_of(node, {0, 2}, 2).bytes_per_second, 8e9);
  EXPECT_EQ(link_of(node, {0, 1}, 1).bytes_per_second, 12.3e9);
  // The third GPU has its bridge to itself; a group of all four crosses.
  EXPECT_EQ(link_of(node, {2, 1}, 3).bytes_per_second, 12.3e9);
  EXPECT_EQ(link_of(node, {0, 4}, 4).bytes_per_second, 5e9);
}

TEST(Link, AnAllReduceTakesTheFasterProtocol) {
  const GroupLink link = link_of(four_t4({}), {0, 4}, 4);
  // 8 KiB: low latency, 3.6 us + 6 x 1 us + 12,288 bytes at a quarter of 12.3 GB/s.
  EXPECT_EQ(link.time(12'288.0, 6),
            Duration::nanoseconds(9'600) + Duration::from_seconds(12'288.0 / 3.075e9));
  EXPECT_EQ(link.time(123e6, 6),
            Duration::nanoseconds(8'400 + 6 * 5'700) + Duration::milliseconds(10));
}

TEST(Link, TwoSumsALayerAreLinkTime) {
  const HardwareSpec node = four_t4({});
  const auto alone = make_cost_model(RooflineCostSpec{}, t4(), llama_7b(), PrecisionSpec{});
  const auto shared = make_cost_model(RooflineCostSpec{}, t4(), llama_7b(), PrecisionSpec{},
                                      place_of_stage(node, {4, 1}, 0, 0, 4));
  EXPECT_EQ(alone->step(decode(8, 512)).link, Duration{});
  const GroupLink link = link_of(node, {0, 4}, 4);
  const double sent = 1.5 * 8 * 4096 * 2;
  const Duration sums = 64 * link.time(sent, 6);
  const Duration embedding = link.time(sent, 6);
  const Duration logits = link.time(0.75 * 8 * 32000 * 2, 3);
  EXPECT_EQ(shared->step(decode(8, 512)).link, sums + embedding + logits);
  for (const OperationTime& operation : shared->operations(decode(8, 512))) {
    if (operation.name == name_of(Operation::all_reduce)) {
      EXPECT_EQ(operation.bytes, 64 * sent);
      EXPECT_EQ(operation.time, sums);
      EXPECT_EQ(operation.bound, Bound::link);
    }
  }
}

TEST(Link, OperationsOfAShardSumToItsStep) {
  const HardwareSpec node = four_t4({});
  for (const ShardDegrees degrees : {ShardDegrees{2, 1}, ShardDegrees{1, 3}, ShardDegrees{2, 2}}) {
    for (std::int64_t stage = 0; stage < degrees.pipeline; ++stage) {
      const auto cost = make_cost_model(RooflineCostSpec{}, t4(), llama_8b(), PrecisionSpec{},
                                        place_of_stage(node, degrees, stage, 0, 4));
      for (const StepShape& shape : {decode(5, 300), chunk(100, 700, 1)}) {
        Duration sum;
        for (const OperationTime& operation : cost->operations(shape)) {
          sum += operation.time;
        }
        EXPECT_EQ(sum, cost->step(shape).total());
      }
    }
  }
}

TEST(Link, StagesOfAnAffineModelSumToTheWhole) {
  const auto whole = make_cost_model(AffineCostSpec{}, t4(), llama_7b(), PrecisionSpec{});
  Duration sum;
  for (std::int64_t stage = 0; stage < 3; ++stage) {
    RankPlace place;
    place.shard = {{1, 3}, 0, stage};
    sum += make_cost_model(AffineCostSpec{}, t4(), llama_7b(), PrecisionSpec{}, place)
               ->step(chunk(10, 77, 1))
               .total();
  }
  EXPECT_EQ(sum, whole->step(chunk(10, 77, 1)).total());
}

}  // namespace
}  // namespace tessera
