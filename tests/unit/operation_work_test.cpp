// FLOPs and bytes of each operation against closed forms and parameter counts.
#include "tessera/cost/operation_work.hpp"

#include <gtest/gtest.h>

#include "tests/unit/cost_fixtures.hpp"

namespace tessera {
namespace {

using namespace cost_fixtures;

constexpr PrecisionSpec half{};

double products_flops(const ModelSpec& model, Tokens tokens) {
  double sum = 0.0;
  for (const Operation operation :
       {Operation::qkv_proj, Operation::out_proj, Operation::mlp_up, Operation::mlp_down}) {
    sum += token_work(operation, model, half, tokens).flops;
  }
  return sum;
}

TEST(OperationWork, MatrixProductsTakeTwoFlopsAParameterAndToken) {
  const ModelSpec model = llama_7b();
  const ParameterCount parameters = count_parameters(model);
  EXPECT_EQ(products_flops(model, Tokens{300}),
            2.0 * 300.0 * static_cast<double>(parameters.attention + parameters.mlp));
}

TEST(OperationWork, GroupedQueriesShrinkKeysAndValuesOnly) {
  const ModelSpec model = llama_8b();
  EXPECT_EQ(token_work(Operation::qkv_proj, model, half, Tokens{7}).flops,
            32.0 * 2.0 * 7.0 * 4096.0 * (4096.0 + 2.0 * 1024.0));
  EXPECT_EQ(attention_work(model, half).flops_per_pair, 32.0 * 4.0 * 4096.0);
  EXPECT_EQ(attention_work(model, half).bytes_per_context_token, 32.0 * 2.0 * 1024.0 * 2.0);
}

// Phi-2's rotary positions turn 32 of a head's 80 numbers: 3 FLOPs and a read and a write each.
TEST(OperationWork, RotaryPositionsTurnAFractionOfAHead) {
  ModelSpec model = llama_8b();
  const double heads = 32.0 + 8.0;
  EXPECT_EQ(model.rotated_of_head(), 128);
  EXPECT_EQ(token_work(Operation::rope, model, half, Tokens{5}).flops,
            32.0 * 5.0 * 3.0 * heads * 128.0);
  model.rotary_fraction = 0.25;
  EXPECT_EQ(token_work(Operation::rope, model, half, Tokens{5}).flops,
            32.0 * 5.0 * 3.0 * heads * 32.0);
  EXPECT_EQ(token_work(Operation::rope, model, half, Tokens{5}).bytes(),
            32.0 * 5.0 * 2.0 * heads * 32.0 * 2.0);
  // Each of four ranks turns its heads' part.
  const Shard shard{{4, 1}, 0, 0};
  EXPECT_EQ(4.0 * token_work(Operation::rope, model, half, Tokens{5}, shard).flops,
            token_work(Operation::rope, model, half, Tokens{5}).flops);
  model.head_size = 80;
  model.rotary_fraction = 0.4;
  EXPECT_EQ(model.rotated_of_head(), 32);
}

TEST(OperationWork, PlainAndGatedMlp) {
  const ModelSpec plain = gpt2();
  EXPECT_EQ(token_work(Operation::mlp_up, plain, half, Tokens{1}).flops,
            12.0 * 2.0 * 768.0 * 3072.0);
  EXPECT_EQ(token_work(Operation::mlp_act, plain, half, Tokens{1}).bytes(),
            12.0 * 2.0 * 3072.0 * 2.0);
  const ModelSpec gated = llama_7b();
  EXPECT_EQ(token_work(Operation::mlp_up, gated, half, Tokens{1}).flops,
            32.0 * 2.0 * 4096.0 * 2.0 * 11008.0);
  EXPECT_EQ(token_work(Operation::mlp_act, gated, half, Tokens{1}).bytes(),
            32.0 * 3.0 * 11008.0 * 2.0);
}

TEST(OperationWork, WeightsOfAStepAreTheModelsWeightsOnce) {
  for (const WeightFormat format : {WeightFormat::fp16, WeightFormat::int8, WeightFormat::awq}) {
    const ModelSpec model = llama_7b();
    PrecisionSpec precision;
    precision.weights = format;
    double bytes = 0.0;
    for (const Operation operation : token_operations) {
      bytes += token_work(operation, model, precision, Tokens{1}).weight_bytes;
    }
    bytes += sampling_work(Operation::lm_head, model, precision, 1).weight_bytes;
    // Of the embedding, only the row of the one token is read.
    const double table = 32000.0 * 4096.0 * 2.0;
    EXPECT_EQ(bytes,
              static_cast<double>(weight_bytes(model, format).count()) - table + 4096.0 * 2.0);
  }
}

TEST(OperationWork, BiasesAreReadWithTheirMatrices) {
  const OperationWork work = token_work(Operation::qkv_proj, gpt2(), half, Tokens{1});
  EXPECT_EQ(work.weight_bytes, 12.0 * (768.0 * 2304.0 + 2304.0) * 2.0);
}

TEST(OperationWork, TheHeadSeesOnlySampledPositions) {
  const OperationWork head = sampling_work(Operation::lm_head, llama_7b(), half, 3);
  EXPECT_EQ(head.flops, 2.0 * 3.0 * 4096.0 * 32000.0);
  EXPECT_EQ(sampling_work(Operation::lm_head, llama_7b(), half, 0).bytes(), 0.0);
}

TEST(OperationWork, TheHeadStaysInHalfPrecision) {
  PrecisionSpec quantised;
  quantised.weights = WeightFormat::int8;
  EXPECT_EQ(sampling_work(Operation::lm_head, llama_7b(), quantised, 1).weight_bytes,
            4096.0 * 32000.0 * 2.0);
}

TEST(OperationWork, QuantisedKeysAndValuesAreSmaller) {
  PrecisionSpec precision;
  precision.kv_cache = KvFormat::int8;
  // One byte a number and an fp16 scale a head.
  EXPECT_EQ(attention_work(llama_7b(), precision).bytes_per_context_token,
            32.0 * 2.0 * (4096.0 + 32.0 * 2.0));
}

TEST(OperationWork, LearnedPositionsHaveNoRotation) {
  EXPECT_EQ(token_work(Operation::rope, gpt2(), half, Tokens{5}).kernels, 0);
  EXPECT_GT(token_work(Operation::rope, llama_7b(), half, Tokens{5}).kernels, 0);
}

TEST(OperationWork, EncodersHaveNoHead) {
  ModelSpec encoder = gpt2();
  encoder.kind = ModelKind::encoder;
  EXPECT_EQ(sampling_work(Operation::lm_head, encoder, half, 4).flops, 0.0);
  encoder.pooler = true;
  EXPECT_EQ(sampling_work(Operation::lm_head, encoder, half, 4).flops, 2.0 * 4.0 * 768.0 * 768.0);
}

TEST(OperationWork, NoTokensNoWork) {
  for (const Operation operation : token_operations) {
    const OperationWork work = token_work(operation, llama_7b(), half, Tokens{0});
    EXPECT_EQ(work.kernels, 0);
    EXPECT_EQ(work.bytes(), 0.0);
  }
}

TEST(OperationWork, AShardsWorkIsItsShare) {
  ModelSpec shard = llama_7b();
  shard.heads = shard.kv_heads = 8;
  shard.head_size = 128;
  shard.intermediate = 11008 / 4;
  EXPECT_EQ(4.0 * products_flops(shard, Tokens{64}), products_flops(llama_7b(), Tokens{64}));
}

}  // namespace
}  // namespace tessera
