// The roofline model: what each part of a step costs, and that parts and operations sum to it.
#include <gtest/gtest.h>

#include <cstdio>

#include "tests/unit/cost_fixtures.hpp"

namespace tessera {
namespace {

using namespace cost_fixtures;

double milliseconds(const StepTime& time) {
  return time.total().to_seconds() * 1e3;
}

std::unique_ptr<CostModel> roofline(const ModelSpec& model, const PrecisionSpec& precision = {}) {
  return make_cost_model(RooflineCostSpec{}, t4(), model, precision);
}

double flops_of(CostModel& cost, const StepShape& shape) {
  double sum = 0.0;
  for (const OperationTime& operation : cost.operations(shape)) {
    sum += operation.flops;
  }
  return sum;
}

StepShape mixed() {
  StepShape shape = chunk(512, 200, 1);
  shape.decode_sequences = 9;
  shape.sampled_sequences = 10;
  shape.decode_context = Tokens{9 * 700};
  shape.work = {Bytes{1 << 20}, Bytes{3 << 20}, Bytes{5 << 20}, 0, 0, Tokens{123}};
  return shape;
}

TEST(RooflineCost, OperationsSumToTheStepExactly) {
  for (const ModelSpec& model : {llama_7b(), llama_8b(), gpt2()}) {
    const auto cost = roofline(model);
    for (const StepShape& shape :
         {chunk(0, 1, 1), chunk(0, 777, 0), decode(1, 1), decode(64, 512), mixed(), StepShape{}}) {
      Duration sum;
      for (const OperationTime& operation : cost->operations(shape)) {
        sum += operation.time;
      }
      EXPECT_EQ(sum, cost->step(shape).total());
    }
  }
}

TEST(RooflineCost, RememberedTimesAreThoseWorkedOut) {
  const auto warm = roofline(llama_7b());
  const StepTime first = warm->step(mixed());
  EXPECT_EQ(first, warm->step(mixed()));
  (void)warm->step(decode(3, 100));
  EXPECT_EQ(first, roofline(llama_7b())->step(mixed()));
}

// Sums of few numbers are made in 64 bits, others in 128: the price of a number more is the same.
TEST(RooflineCost, IsTheSameInEitherWidth) {
  const auto cost = roofline(llama_7b());
  const auto price = [&](const StepShape& shape) {
    StepShape more = shape;
    more.prefill_pairs += 1'000;
    more.decode_context += Tokens{1'000};
    return Duration(cost->step(more).total() - cost->step(shape).total());
  };
  StepShape shape = chunk(512, 200, 1);
  shape.decode_sequences = 9;
  shape.sampled_sequences = 10;
  const Duration expected = price(shape);
  EXPECT_GT(expected, Duration{});
  for (int power = 20; power <= 61; ++power) {
    StepShape large = shape;
    large.prefill_pairs += std::int64_t{1} << power;
    EXPECT_EQ(price(large), expected) << power;
    Duration sum;
    for (const OperationTime& operation : cost->operations(large)) {
      sum += operation.time;
    }
    EXPECT_EQ(sum, cost->step(large).total()) << power;
    large.prefill_pairs = shape.prefill_pairs;
    large.decode_context = Tokens{std::int64_t{1} << power};
    EXPECT_EQ(price(large), expected) << power;
  }
}

TEST(RooflineCost, ChunksComputeWhatAWholePrefillComputes) {
  const auto cost = roofline(llama_7b());
  const double whole = flops_of(*cost, chunk(0, 1000, 1));
  const double chunks = flops_of(*cost, chunk(0, 256, 0)) + flops_of(*cost, chunk(256, 511, 0)) +
                        flops_of(*cost, chunk(767, 233, 1));
  EXPECT_DOUBLE_EQ(whole, chunks);
}

TEST(RooflineCost, PrefillFlopsAreTwoAParameterAndTokenAndAttention) {
  const ModelSpec model = llama_7b();
  const double tokens = 2048.0;
  const double closed_form =
      2.0 * tokens * static_cast<double>(count_parameters(model).total() - 32000 * 4096 * 2) +
      2.0 * 32000.0 * 4096.0 + 32.0 * 2.0 * 4096.0 * tokens * (tokens + 1.0);
  // Norms, rotations and the like add less than half a percent.
  EXPECT_NEAR(flops_of(*roofline(model), chunk(0, 2048, 1)) / closed_form, 1.0, 0.005);
}

TEST(RooflineCost, DecodeMovesTheWeightsAndTheCache) {
  const ModelSpec model = llama_7b();
  const auto cost = roofline(model);
  double bytes = 0.0;
  for (const OperationTime& operation : cost->operations(decode(8, 1000))) {
    bytes += operation.bytes;
  }
  const double weights =
      static_cast<double>(weight_bytes(model, WeightFormat::fp16).count()) - 32000.0 * 4096.0 * 2.0;
  const double cache =
      8000.0 * static_cast<double>(kv_bytes_per_token(model, KvFormat::fp16).count());
  EXPECT_NEAR(bytes / (weights + cache), 1.0, 0.01);
}

TEST(RooflineCost, ASevenBillionModelInInt8DecodesAtTheMemorysPace) {
  PrecisionSpec precision;
  precision.weights = WeightFormat::int8;
  const auto cost = roofline(llama_7b(), precision);
  const double time = milliseconds(cost->step(decode(1, 128)));
  std::printf("llama-7b int8 on a T4, batch 1, context 128: %.2f ms a token\n", time);
  EXPECT_GT(time, 27.0);
  EXPECT_LT(time, 34.0);
}

TEST(RooflineCost, FourBitWeightsPayForUnpacking) {
  PrecisionSpec precision;
  precision.weights = WeightFormat::awq;
  GpuSpec free_unpacking = t4();
  free_unpacking.dequantisation = 1.0;
  const auto paid = make_cost_model(RooflineCostSpec{}, t4(), llama_7b(), precision);
  const auto unpaid = make_cost_model(RooflineCostSpec{}, free_unpacking, llama_7b(), precision);
  EXPECT_GT(paid->step(decode(1, 10)).memory, unpaid->step(decode(1, 10)).memory);
}

TEST(RooflineCost, TheArithmeticPicksItsPeak) {
  const auto time = [](ComputeFormat compute) {
    PrecisionSpec precision;
    precision.weights = WeightFormat::int8;
    precision.compute = compute;
    return roofline(llama_7b(), precision)->step(chunk(0, 2048, 1)).total();
  };
  EXPECT_LT(time(ComputeFormat::int4), time(ComputeFormat::int8));
  EXPECT_LT(time(ComputeFormat::int8), time(ComputeFormat::fp16));
  EXPECT_LT(time(ComputeFormat::fp16), time(ComputeFormat::fp32));
  // A T4 emulates bf16, slower even than single precision.
  EXPECT_LT(time(ComputeFormat::fp32), time(ComputeFormat::bf16));
}

TEST(RooflineCost, ACardWithoutTheUnitsIsNamed) {
  GpuSpec gpu = t4();
  gpu.peak.int8 = Flops{0.0};
  PrecisionSpec precision;
  EXPECT_EQ(why_unsupported(gpu, precision), std::nullopt);
  precision.compute = ComputeFormat::int8;
  EXPECT_EQ(why_unsupported(gpu, precision), "t4 has no int8 arithmetic (its peak rate is 0)");
}

TEST(RooflineCost, SwappingTakesTheLinkAndCopyingTheMemory) {
  const auto cost = roofline(llama_7b());
  StepShape shape = decode(4, 100);
  const StepTime without = cost->step(shape);
  shape.work.swapped_in = Bytes{1 << 30};
  shape.work.copied = Bytes{1 << 30};
  const StepTime with = cost->step(shape);
  EXPECT_NEAR(with.link.to_seconds(), 1073741824.0 / 12.3e9, 1e-9);
  EXPECT_NEAR((with.memory - without.memory).to_seconds(), 2.0 * 1073741824.0 / (320e9 * 0.75),
              1e-9);
  EXPECT_EQ(without.link, Duration{});
}

TEST(RooflineCost, ScannedCellsCostWhatContextCosts) {
  const auto cost = roofline(llama_7b());
  StepShape scanned = decode(4, 100);
  scanned.work.cells_scanned = Tokens{4 * 50};
  StepShape longer = decode(4, 150);
  EXPECT_EQ(cost->step(scanned), cost->step(longer));
}

TEST(RooflineCost, ContextEntersADecodeAsAnIntegerPrice) {
  const auto cost = roofline(llama_8b());
  const Duration first = cost->step(decode(5, 100)).total();
  const Duration price = cost->step(decode(5, 101)).total() - first;
  for (const std::int64_t more : {2, 17, 1000, 100'000}) {
    EXPECT_EQ(cost->step(decode(5, 100 + more)).total(), first + price * more);
  }
}

TEST(RooflineCost, AnEmptyStepTakesTheEnginesOwnTime) {
  EngineOverheads overheads;
  overheads.step = Duration::microseconds(123);
  const auto cost = make_cost_model(RooflineCostSpec{}, t4(), llama_7b(), PrecisionSpec{},
                                    RankPlace{}, overheads);
  EXPECT_EQ(cost->step(StepShape{}).total(), Duration::microseconds(123));
  EXPECT_EQ(cost->step(StepShape{}).overhead, Duration::microseconds(123));
}

TEST(RooflineCost, HugeStepsDoNotFillMemory) {
  const auto cost = roofline(gpt2());
  EXPECT_GT(cost->step(chunk(0, 50'000'000, 1)).total(), Duration::seconds(1));
}

TEST(RooflineCost, PhasesAreNamed) {
  const auto cost = roofline(llama_7b());
  for (const OperationTime& operation : cost->operations(decode(2, 9))) {
    EXPECT_EQ(operation.phase, "decode") << operation.name;
  }
  for (const OperationTime& operation : cost->operations(chunk(0, 9, 1))) {
    EXPECT_EQ(operation.phase, "prefill") << operation.name;
  }
  std::vector<std::string_view> phases;
  for (const OperationTime& operation : cost->operations(mixed())) {
    if (operation.name == "attention" || operation.name == "mlp_up") {
      phases.push_back(operation.phase);
    }
  }
  EXPECT_EQ(phases, (std::vector<std::string_view>{"prefill", "decode", "all"}));
}

}  // namespace
}  // namespace tessera
