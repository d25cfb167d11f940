// The division of a device's memory and the workspace behind it, with the arithmetic written out.
#include "tessera/memory/memory_plan.hpp"

#include <gtest/gtest.h>

#include "tessera/memory/workspace.hpp"

namespace tessera {
namespace {

using namespace literals;

ModelSpec llama_7b() {
  ModelSpec model;
  model.layers = 32;
  model.hidden = 4096;
  model.heads = 32;
  model.intermediate = 11'008;
  model.vocabulary = 32'000;
  model.mlp = MlpKind::gated;
  return model;
}

ModelSpec opt_6_7b() {
  ModelSpec model;
  model.layers = 32;
  model.hidden = 4096;
  model.heads = 32;
  model.vocabulary = 50'272;
  model.mlp = MlpKind::plain;
  return model;
}

GpuSpec t4() {
  GpuSpec gpu;
  gpu.memory = 15'109_MiB;
  gpu.context_memory = 300_MiB;
  return gpu;
}

constexpr Bytes cublas{8'519'680};

TEST(Workspace, IsTheGreaterOfMlpAndSampler) {
  const ModelSpec model = opt_6_7b();
  const PrecisionSpec fp16;
  EXPECT_EQ(workspace_bytes(model, fp16, 2560_tokens, 1), cublas + 209'715'200_bytes);
  EXPECT_EQ(workspace_bytes(model, fp16, 2560_tokens, 256), cublas + 283'131'904_bytes);
  EXPECT_EQ(workspace_bytes(model, fp16, 28_tokens, 28), cublas + 30'967'552_bytes);
  EXPECT_EQ(workspace_bytes(model, fp16, 28_tokens, 0), cublas + 2'293'760_bytes);
  EXPECT_EQ(workspace_bytes(model, fp16, 0_tokens, 0), cublas);
}

TEST(Workspace, GatedMlpHoldsThreeHiddenLayers) {
  EXPECT_EQ(workspace_bytes(llama_7b(), {}, 2048_tokens, 64), cublas + 168'820'736_bytes);
  PrecisionSpec fp32;
  fp32.compute = ComputeFormat::fp32;
  EXPECT_EQ(workspace_bytes(llama_7b(), fp32, 2048_tokens, 64), cublas + 2 * 168'820'736_bytes);
}

TEST(Workspace, AttentionCountsWhereTheMlpIsNarrow) {
  ModelSpec model = opt_6_7b();
  model.intermediate = 64;
  model.kv_heads = 8;  // 3h + 2·8·128 numbers a token
  EXPECT_EQ(workspace_bytes(model, {}, 100_tokens, 0),
            cublas + Bytes{100 * 2 * (3 * 4096 + 2 * 1024)});
}

TEST(Workspace, AnEncoderSamplesNothing) {
  ModelSpec model = opt_6_7b();
  model.kind = ModelKind::encoder;
  EXPECT_EQ(workspace_bytes(model, {}, 1_tokens, 1), cublas + Bytes{2 * 40'960});
}

struct MemoryPlanning : testing::Test {
  GpuSpec gpu = t4();
  ModelSpec model = llama_7b();
  PrecisionSpec precision{.weights = WeightFormat::int8};
  MemorySpec memory;
  KvCacheSpec kv_cache = PagedKvSpec{};

  [[nodiscard]] std::variant<MemoryPlan, DoesNotFit> plan() const {
    return plan_memory({.gpu = gpu,
                        .model = model,
                        .precision = precision,
                        .memory = memory,
                        .kv_cache = kv_cache,
                        .profile_tokens = 2048_tokens,
                        .profile_sequences = 64,
                        .shard = {}});
  }
  [[nodiscard]] MemoryPlan fitting() const {
    const auto made = plan();
    EXPECT_TRUE(std::holds_alternative<MemoryPlan>(made));
    const auto* fits = std::get_if<MemoryPlan>(&made);
    return fits != nullptr ? *fits : MemoryPlan{};
  }
};

Bytes sum(const MemoryPlan& plan) {
  return plan.driver + plan.weights + plan.workspace + plan.pool + plan.outside;
}

TEST_F(MemoryPlanning, Llama7bInInt8OnAT4) {
  const MemoryPlan made = fitting();
  EXPECT_EQ(made.capacity, 15'842'934'784_bytes);
  EXPECT_EQ(made.driver, 314'572'800_bytes);
  // 32·(4·4096² + 3·4096·11008) weights, 32·42,496 fp16 scales, two tables of 32,000·4096 and 65
  // norms of 4096 in fp16.
  EXPECT_EQ(made.weights, Bytes{6'476'005'376 + 2'719'744 + 524'288'000 + 532'480});
  EXPECT_EQ(made.workspace, 177'340'416_bytes);
  // floor(0.9 · 15,842,934,784) = 14,258,641,305
  EXPECT_EQ(made.pool, Bytes{14'258'641'305 - 314'572'800 - 7'003'545'600 - 177'340'416});
  EXPECT_EQ(made.outside, Bytes{15'842'934'784 - 14'258'641'305});
  EXPECT_EQ(sum(made), made.capacity);
  EXPECT_EQ(made.pool / 524'288_bytes, 12'899) << "tokens of fp16 KV";
}

TEST_F(MemoryPlanning, UtilizationCountsAsADecimal) {
  const Bytes used = fitting().driver + fitting().weights + fitting().workspace;
  gpu.memory = Bytes{20'000'000'000};
  memory.utilization = 0.7;
  EXPECT_EQ(fitting().pool + used, Bytes{14'000'000'000});
  gpu.memory = Bytes{19'999'999'999};
  EXPECT_EQ(fitting().pool + used, Bytes{13'999'999'999}) << "rounded down from ….3";
  memory.utilization = 1.0;
  EXPECT_EQ(fitting().outside, 0_bytes);
}

TEST_F(MemoryPlanning, AFixedPoolLeavesTheRestOutside) {
  PagedKvSpec paged;
  paged.num_blocks = 100_blocks;
  kv_cache = paged;
  const MemoryPlan made = fitting();
  EXPECT_EQ(made.pool, 524'288_bytes * 1600);
  EXPECT_EQ(sum(made), made.capacity);
}

TEST_F(MemoryPlanning, AFixedPoolMustFitUnderTheSameLimit) {
  const Bytes room = fitting().pool;
  PagedKvSpec paged;
  paged.num_blocks = Blocks{room / (524'288_bytes * 16)};
  kv_cache = paged;
  EXPECT_TRUE(std::holds_alternative<MemoryPlan>(plan()));
  ++*paged.num_blocks;
  kv_cache = paged;
  const auto refused = plan();
  ASSERT_TRUE(std::holds_alternative<DoesNotFit>(refused));
  const auto& why = std::get<DoesNotFit>(refused);
  EXPECT_EQ(why.plan.pool, 524'288_bytes * 16 * paged.num_blocks->count());
  EXPECT_EQ(why.missing, why.plan.pool - room);
}

TEST_F(MemoryPlanning, APoolGivenInBytesLeavesTheRestOutsideAndMustFit) {
  const Bytes room = fitting().pool;
  memory.kv_cache_memory = 1024_MiB;
  kv_cache = ContiguousKvSpec{};
  EXPECT_EQ(fitting().pool, 1024_MiB);
  EXPECT_EQ(sum(fitting()), fitting().capacity);
  memory.kv_cache_memory = room + 1_bytes;
  const auto refused = plan();
  ASSERT_TRUE(std::holds_alternative<DoesNotFit>(refused));
  EXPECT_EQ(std::get<DoesNotFit>(refused).missing, 1_bytes);
}

TEST_F(MemoryPlanning, BlocksBeyondAllNumbersDoNotFitEither) {
  PagedKvSpec paged;
  paged.num_blocks = 1'000'000'000_blocks;
  paged.block_size = 65'536_tokens;
  kv_cache = paged;
  const auto refused = plan();
  ASSERT_TRUE(std::holds_alternative<DoesNotFit>(refused));
  EXPECT_EQ(std::get<DoesNotFit>(refused).missing, Bytes::max());
}

TEST_F(MemoryPlanning, AModelThatDoesNotFitSaysWhatIsMissing) {
  precision.weights = WeightFormat::fp16;
  gpu.memory = 10_GiB;
  const auto refused = plan();
  ASSERT_TRUE(std::holds_alternative<DoesNotFit>(refused));
  const auto& why = std::get<DoesNotFit>(refused);
  const std::int64_t limit = 9'663'676'416;  // floor(0.9 · 10 GiB)
  EXPECT_EQ(why.plan.pool, 524'288_bytes * 16) << "one block";
  EXPECT_EQ(why.missing,
            why.plan.driver + why.plan.weights + why.plan.workspace + why.plan.pool - Bytes{limit});
  gpu.memory += Bytes{why.missing.count() * 10 / 9 + 1};
  EXPECT_TRUE(std::holds_alternative<MemoryPlan>(plan()));
}

TEST_F(MemoryPlanning, TheSmallestPoolIsABlockOrAToken) {
  const MemoryPlan whole = fitting();
  const Bytes fixed = whole.driver + whole.weights + whole.workspace;
  memory.utilization = 1.0;
  gpu.memory = fixed + 524'288_bytes * 16 - 1_bytes;
  const auto refused = plan();
  ASSERT_TRUE(std::holds_alternative<DoesNotFit>(refused));
  EXPECT_EQ(std::get<DoesNotFit>(refused).missing, 1_bytes);
  kv_cache = ContiguousKvSpec{};
  EXPECT_EQ(fitting().pool, 524'288_bytes * 16 - 1_bytes);
  gpu.memory = fixed + 524'287_bytes;
  EXPECT_TRUE(std::holds_alternative<DoesNotFit>(plan()));
}

}  // namespace
}  // namespace tessera
