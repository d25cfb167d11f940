// What a cost model says that a token of context costs is what it costs, whatever else a step does:
// spans depend on it.
#include <gtest/gtest.h>

#include "tessera/core/random.hpp"
#include "tests/unit/cost_fixtures.hpp"

namespace tessera {
namespace {

std::int64_t below(RandomStream& random, std::uint64_t limit) {
  return static_cast<std::int64_t>(random() % limit);
}

void expect_constant_price(CostModel& cost) {
  const StepTime price = cost.per_context_token().value();
  RandomStream random(1, "steps");
  for (int i = 0; i < 500; ++i) {
    StepShape shape;
    shape.decode_sequences = 1 + below(random, 300);
    shape.decode_context = Tokens{below(random, 1'000'000)};
    shape.prefill_tokens = Tokens{random() % 2 == 0 ? 0 : below(random, 3000)};
    shape.prefill_sequences = shape.prefill_tokens > Tokens{0} ? 1 : 0;
    shape.prefill_context = shape.prefill_tokens;
    shape.prefill_pairs = shape.prefill_tokens.count() * (shape.prefill_tokens.count() + 1) / 2;
    shape.sampled_sequences = shape.decode_sequences + shape.prefill_sequences;
    const std::int64_t more = below(random, 100'000);
    StepTime expected = cost.step(shape);
    expected +=
        {price.compute * more, price.memory * more, price.overhead * more, price.link * more};
    shape.decode_context += Tokens{more};
    ASSERT_EQ(cost.step(shape), expected);
  }
}

TEST(ContextPrice, OfAnAffineClockIsConstant) {
  AffineCostSpec spec;
  spec.per_context_token = Duration::picoseconds(123'457);
  const auto cost = make_cost_model(spec, cost_fixtures::t4(), cost_fixtures::llama_7b(), {});
  expect_constant_price(*cost);
}

TEST(ContextPrice, OfARooflineIsConstantWhateverTheEngineAdds) {
  EngineOverheads slow;
  slow.launch = Duration::microseconds(20);
  slow.prefill = 0.5;
  for (const EngineOverheads& overheads : {EngineOverheads{}, slow}) {
    for (const ModelSpec& model : {cost_fixtures::llama_7b(), cost_fixtures::gpt2()}) {
      const auto cost = make_cost_model(RooflineCostSpec{}, cost_fixtures::t4(), model, {},
                                        RankPlace{}, overheads);
      expect_constant_price(*cost);
    }
  }
}

}  // namespace
}  // namespace tessera
