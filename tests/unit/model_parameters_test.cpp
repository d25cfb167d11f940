// Parameters part by part, and the bytes of whole models.
#include <gtest/gtest.h>

#include "tessera/model/model.hpp"

namespace tessera {
namespace {

ModelSpec llama_7b() {
  ModelSpec model;
  model.layers = 32;
  model.hidden = 4096;
  model.heads = 32;
  model.intermediate = 11008;
  model.vocabulary = 32000;
  model.positions = 2048;
  model.mlp = MlpKind::gated;
  return model;
}

// Every part is small enough to count by hand.
ModelSpec tiny() {
  ModelSpec model;
  model.layers = 3;
  model.hidden = 8;
  model.heads = 4;
  model.kv_heads = 2;
  model.head_size = 5;
  model.intermediate = 7;
  model.vocabulary = 11;
  model.norm = NormKind::rms_norm;
  return model;
}

TEST(ModelParameters, GroupedHeadsOfAnySize) {
  const ParameterCount count = count_parameters(tiny());
  EXPECT_EQ(count.embeddings, 11 * 8);
  EXPECT_EQ(count.attention, 3 * (20 * 8 + 2 * 10 * 8 + 8 * 20));
  EXPECT_EQ(count.mlp, 3 * (2 * 7 * 8));
  EXPECT_EQ(count.norms, (3 * 2 + 1) * 8);
  EXPECT_EQ(count.head, 11 * 8);
  EXPECT_EQ(count.total(), 88 + 1440 + 336 + 56 + 88);
}

TEST(ModelParameters, BiasesFollowTheWidthsOfTheirMatrices) {
  ModelSpec model = tiny();
  const std::int64_t without = count_parameters(model).total();
  model.attention_bias = true;
  EXPECT_EQ(count_parameters(model).total() - without, 3 * (20 + 10 + 10));
  model.attention_bias = false;
  model.output_bias = true;
  EXPECT_EQ(count_parameters(model).total() - without, 3 * 8);
  model.output_bias = false;
  model.mlp_bias = true;
  EXPECT_EQ(count_parameters(model).total() - without, 3 * (7 + 8));
  model.mlp = MlpKind::gated;
  EXPECT_EQ(count_parameters(model).mlp, 3 * (3 * 7 * 8 + 7 + 7 + 8));
}

TEST(ModelParameters, TablesAndNorms) {
  ModelSpec model = tiny();
  model.position = PositionKind::learned;
  model.positions = 13;
  model.position_offset = 2;
  model.token_types = 2;
  model.embedding_norm = true;
  model.norm = NormKind::layer_norm;
  const ParameterCount count = count_parameters(model);
  EXPECT_EQ(count.embeddings, (11 + 15 + 2) * 8);
  EXPECT_EQ(count.norms, (3 * 2 + 2) * 16);
}

TEST(ModelParameters, RotaryPositionsHaveNoTable) {
  ModelSpec model = tiny();
  const std::int64_t without = count_parameters(model).total();
  model.positions = 1'000'000;
  EXPECT_EQ(count_parameters(model).total(), without);
}

TEST(ModelParameters, ANarrowEmbeddingHasProjectionsInAndOut) {
  ModelSpec model = tiny();
  model.embedding_size = 4;
  const ParameterCount count = count_parameters(model);
  EXPECT_EQ(count.embeddings, 11 * 4 + 2 * 4 * 8);
  EXPECT_EQ(count.head, 11 * 4);
}

TEST(ModelParameters, AnEmbeddingAsWideAsTheModelHasNone) {
  ModelSpec model = tiny();
  const std::int64_t without = count_parameters(model).total();
  model.embedding_size = model.hidden;
  EXPECT_EQ(count_parameters(model).total(), without);
}

TEST(ModelParameters, HeadsTiedUntiedAndPooled) {
  ModelSpec model = tiny();
  model.head_bias = true;
  EXPECT_EQ(count_parameters(model).head, 11 * 8 + 11);
  model.tied_embeddings = true;
  EXPECT_EQ(count_parameters(model).head, 11);
  model.head_bias = false;
  EXPECT_EQ(count_parameters(model).head, 0);
  model.pooler = true;
  EXPECT_EQ(count_parameters(model).head, 8 * 8 + 8);
}

TEST(ModelParameters, ZerosStandForTheUsualWidths) {
  ModelSpec model = tiny();
  model.kv_heads = 0;
  model.head_size = 0;
  model.intermediate = 0;
  EXPECT_EQ(model.key_value_heads(), 4);
  EXPECT_EQ(model.size_of_head(), 2);
  EXPECT_EQ(model.mlp_width(), 32);
  EXPECT_EQ(count_parameters(model).attention, 3 * 4 * 8 * 8);
}

// 6,476,005,376 of LLaMA-7B's weights are in linear layers, 262,410,240 stay as they are; its AWQ
// and GPTQ files with groups of 128 are published with 3.89 and 3.90 GB.
TEST(WeightBytes, Llama7bInEveryFormat) {
  const ModelSpec model = llama_7b();
  const auto bytes = [&](WeightFormat format) { return weight_bytes(model, format).count(); };
  const std::int64_t linear = 6'476'005'376;
  const std::int64_t kept = 2 * std::int64_t{262'410'240};
  EXPECT_EQ(bytes(WeightFormat::fp32), 26'953'662'464);
  EXPECT_EQ(bytes(WeightFormat::fp16), 13'476'831'232);
  EXPECT_EQ(bytes(WeightFormat::bf16), 13'476'831'232);
  EXPECT_EQ(bytes(WeightFormat::int8), linear + 32 * 2 * (5 * 4096 + 2 * 11008) + kept);
  EXPECT_EQ(bytes(WeightFormat::int8), 7'003'545'600);
  EXPECT_EQ(bytes(WeightFormat::awq), 3'889'307'648);
  EXPECT_EQ(bytes(WeightFormat::gptq), 3'889'307'648);
  EXPECT_EQ(bytes(WeightFormat::int4), 3'889'307'648);
  EXPECT_EQ(bytes(WeightFormat::nf4), linear / 2 + linear / 64 + 4 * (linear / 16384) + kept);
  EXPECT_EQ(bytes(WeightFormat::q8_0), linear / 32 * 34 + kept);
  EXPECT_EQ(bytes(WeightFormat::q4_0), linear / 32 * 18 + kept);
}

TEST(WeightBytes, ATiedHeadIsStoredOnce) {
  ModelSpec model = llama_7b();
  const Bytes untied = weight_bytes(model, WeightFormat::int8);
  model.tied_embeddings = true;
  EXPECT_EQ((untied - weight_bytes(model, WeightFormat::int8)).count(), 2 * 32000 * 4096);
}

TEST(WeightBytes, UnquantisedFormatsAreTheCountTimesTheirWidth) {
  const ModelSpec model = tiny();
  const std::int64_t count = count_parameters(model).total();
  EXPECT_EQ(weight_bytes(model, WeightFormat::fp32).count(), 4 * count);
  EXPECT_EQ(weight_bytes(model, WeightFormat::bf16).count(), 2 * count);
}

TEST(KvBytesPerToken, QuantisedCachesOfA7bModel) {
  const auto bytes = [](KvFormat format) { return kv_bytes_per_token(llama_7b(), format).count(); };
  EXPECT_EQ(bytes(KvFormat::fp32), 1'048'576);
  EXPECT_EQ(bytes(KvFormat::fp16), 524'288);
  EXPECT_EQ(bytes(KvFormat::bf16), 524'288);
  EXPECT_EQ(bytes(KvFormat::fp8), 262'144);
  EXPECT_EQ(bytes(KvFormat::int8), 266'240);
  EXPECT_EQ(bytes(KvFormat::int4), 196'608);
  EXPECT_EQ(bytes(KvFormat::q8_0), 278'528);
  EXPECT_EQ(bytes(KvFormat::q4_0), 147'456);
}

TEST(ModelContradictions, ASoundModelHasNone) {
  EXPECT_TRUE(contradictions(llama_7b()).empty());
  EXPECT_TRUE(contradictions(tiny()).empty());
}

TEST(ModelContradictions, RotaryPositionsTurnPairs) {
  ModelSpec model = llama_7b();
  model.rotary_fraction = 0.25;
  EXPECT_TRUE(contradictions(model).empty());
  model.rotary_fraction = 0.26;  // 33 of 128
  EXPECT_EQ(contradictions(model).size(), 1U);
  model.rotary_fraction = 0.001;  // none
  EXPECT_EQ(contradictions(model).size(), 1U);
  model.rotary_fraction = 0.25;
  model.position = PositionKind::none;
  EXPECT_EQ(contradictions(model).size(), 1U);
}

TEST(ModelContradictions, HeadsThatDoNotDivide) {
  ModelSpec model = llama_7b();
  model.heads = 30;
  EXPECT_EQ(contradictions(model).size(), 1U);
  model.head_size = 128;  // then 30 heads of 128 are as good as any
  EXPECT_TRUE(contradictions(model).empty());
  model.kv_heads = 8;
  EXPECT_EQ(contradictions(model).size(), 1U);
  model.kv_heads = 60;
  EXPECT_EQ(contradictions(model).size(), 1U);
}

TEST(ModelContradictions, LearnedPositionsWithoutALength) {
  ModelSpec model = llama_7b();
  model.position = PositionKind::learned;
  model.positions = 0;
  EXPECT_EQ(contradictions(model).size(), 1U);
}

TEST(ModelContradictions, APoolerIsForEncodersAndHasNoBiasOfAHead) {
  ModelSpec model = llama_7b();
  model.pooler = true;
  model.head_bias = true;
  EXPECT_EQ(contradictions(model).size(), 2U);
  model.kind = ModelKind::encoder;
  model.head_bias = false;
  EXPECT_TRUE(contradictions(model).empty());
}

// The largest values that the keys' ranges allow would overflow 64 bits.
TEST(ModelContradictions, SizesBeyondWhatIntegersHold) {
  ModelSpec model = llama_7b();
  model.layers = 10'000;
  model.hidden = std::int64_t{1} << 24;
  model.heads = std::int64_t{1} << 24;
  model.head_size = std::int64_t{1} << 24;
  model.intermediate = std::int64_t{1} << 24;
  EXPECT_EQ(contradictions(model).size(), 1U);
  model.heads = 1;  // the textbook's estimate alone is too large
  model.head_size = 1;
  model.intermediate = 1;
  EXPECT_EQ(contradictions(model).size(), 1U);
}

}  // namespace
}  // namespace tessera
