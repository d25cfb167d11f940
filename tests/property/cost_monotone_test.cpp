// Laws of every cost model: time never falls when tokens, context or batch grow.
#include <gtest/gtest.h>

#include <vector>

#include "tests/unit/cost_fixtures.hpp"

namespace tessera {
namespace {

using namespace cost_fixtures;

struct Case {
  CostSpec spec;
  ModelSpec model;
  PrecisionSpec precision;
};

std::vector<Case> cases() {
  PrecisionSpec int8;
  int8.weights = WeightFormat::int8;
  PrecisionSpec awq;
  awq.weights = WeightFormat::awq;
  awq.kv_cache = KvFormat::int8;
  PrecisionSpec single;
  single.weights = WeightFormat::fp32;
  single.compute = ComputeFormat::fp32;
  return {{RooflineCostSpec{}, llama_7b(), int8},
          {RooflineCostSpec{}, llama_8b(), awq},
          {RooflineCostSpec{}, gpt2(), single},
          {AffineCostSpec{}, llama_7b(), PrecisionSpec{}}};
}

TEST(CostLaws, NeverFasterWithMoreTokens) {
  for (const Case& c : cases()) {
    const auto cost = make_cost_model(c.spec, t4(), c.model, c.precision);
    Duration last;
    for (std::int64_t tokens = 1; tokens <= 4200; ++tokens) {
      const Duration time = cost->step(chunk(0, tokens, 1)).total();
      ASSERT_GE(time, last) << tokens << " tokens, " << c.model.name;
      last = time;
    }
  }
}

TEST(CostLaws, NeverFasterWithALargerBatch) {
  for (const Case& c : cases()) {
    const auto cost = make_cost_model(c.spec, t4(), c.model, c.precision);
    Duration last;
    for (std::int64_t batch = 1; batch <= 1100; ++batch) {
      const Duration time = cost->step(decode(batch, 300)).total();
      ASSERT_GT(time, last) << batch << " sequences, " << c.model.name;
      last = time;
    }
  }
}

// Every field of a step that stands for work may grow by itself.
TEST(CostLaws, NeverFasterWhenAnyPartOfAStepGrows) {
  std::uint64_t state = 11;
  const auto draw = [&state](std::int64_t below) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<std::int64_t>((state >> 33) % static_cast<std::uint64_t>(below));
  };
  for (const Case& c : cases()) {
    const auto cost = make_cost_model(c.spec, t4(), c.model, c.precision);
    for (int round = 0; round < 2000; ++round) {
      StepShape shape = chunk(draw(3000), 1 + draw(900), draw(2));
      shape.decode_sequences = draw(100);
      shape.decode_context = Tokens{shape.decode_sequences * (1 + draw(2000))};
      shape.sampled_sequences += shape.decode_sequences;
      shape.work.cells_scanned = Tokens{draw(1000)};
      StepShape grown = shape;
      switch (draw(6)) {
        case 0:
          grown.prefill_tokens += Tokens{draw(300)};
          break;
        case 1:
          grown.prefill_pairs += draw(100'000);
          break;
        case 2:
          grown.prefill_context += Tokens{draw(2000)};
          break;
        case 3:
          grown.decode_context += Tokens{draw(2000)};
          break;
        case 4:
          grown.sampled_sequences += draw(50);
          break;
        default:
          grown.work.swapped_out += Bytes{draw(1 << 20)};
          break;
      }
      ASSERT_GE(cost->step(grown).total(), cost->step(shape).total()) << c.model.name;
    }
  }
}

// A context that grows by one a step: the steps' sum is an arithmetic series.
TEST(CostLaws, ASpanOfDecodesIsAnArithmeticSeries) {
  for (const Case& c : cases()) {
    const auto cost = make_cost_model(c.spec, t4(), c.model, c.precision);
    const std::int64_t batch = 13;
    const std::int64_t steps = 500;
    Duration sum;
    for (std::int64_t step = 0; step < steps; ++step) {
      sum += cost->step(decode(batch, 200 + step)).total();
    }
    const Duration first = cost->step(decode(batch, 200)).total();
    const Duration rise = cost->step(decode(batch, 201)).total() - first;
    EXPECT_EQ(sum, first * steps + rise * (steps * (steps - 1) / 2));
  }
}

}  // namespace
}  // namespace tessera
