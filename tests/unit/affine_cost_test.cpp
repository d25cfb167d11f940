// The affine model against the clock of the recorded engine traces.
#include <gtest/gtest.h>

#include "tests/unit/cost_fixtures.hpp"

namespace tessera {
namespace {

using namespace cost_fixtures;

// Ticks of 100 ns: 100000 + 1000·T + C.
Duration trace_clock(std::int64_t tokens, std::int64_t context) {
  return Duration::nanoseconds(100) * (100'000 + 1000 * tokens + context);
}

TEST(AffineCost, IsTheTracesClock) {
  const auto cost = make_cost_model(AffineCostSpec{}, GpuSpec{}, ModelSpec{}, PrecisionSpec{});
  EXPECT_EQ(cost->step(StepShape{}).total(), trace_clock(0, 0));
  EXPECT_EQ(cost->step(chunk(0, 512, 1)).total(), trace_clock(512, 0));
  EXPECT_EQ(cost->step(decode(64, 2048)).total(), trace_clock(64, 64 * 2048));
  StepShape mixed = chunk(100, 33, 0);
  mixed.decode_sequences = 5;
  mixed.decode_context = Tokens{777};
  EXPECT_EQ(cost->step(mixed).total(), trace_clock(38, 777));
}

TEST(AffineCost, PricesSequencesAndSplitsItsParts) {
  AffineCostSpec spec;
  spec.per_sequence = Duration::microseconds(7);
  const auto cost = make_cost_model(spec, GpuSpec{}, ModelSpec{}, PrecisionSpec{});
  const StepTime time = cost->step(decode(3, 10));
  EXPECT_EQ(time.overhead, Duration::milliseconds(10) + Duration::microseconds(21));
  EXPECT_EQ(time.compute, Duration::microseconds(300));
  EXPECT_EQ(time.memory, Duration::microseconds(3));
  EXPECT_EQ(time.link, Duration{});
}

TEST(AffineCost, OperationsSumToTheStep) {
  const auto cost = make_cost_model(AffineCostSpec{}, GpuSpec{}, ModelSpec{}, PrecisionSpec{});
  Duration sum;
  for (const OperationTime& operation : cost->operations(decode(3, 10))) {
    sum += operation.time;
  }
  EXPECT_EQ(sum, cost->step(decode(3, 10)).total());
}

TEST(AffineCost, LargeRunsDoNotOverflow) {
  AffineCostSpec spec;
  spec.per_context_token = Duration::seconds(1000);
  const auto cost = make_cost_model(spec, GpuSpec{}, ModelSpec{}, PrecisionSpec{});
  EXPECT_EQ(cost->step(decode(1'000'000, 1'000'000)).memory,
            Duration::seconds(1000) * 1'000'000'000'000);
}

}  // namespace
}  // namespace tessera
