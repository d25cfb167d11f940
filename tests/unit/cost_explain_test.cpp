// A step taken apart: shapes, totals and the ridge point.
#include <gtest/gtest.h>

#include "tessera/cost/explain.hpp"
#include "tests/unit/cost_fixtures.hpp"

namespace tessera {
namespace {

using namespace cost_fixtures;

TEST(Explain, ShapesOfPrefillsChunksAndDecodes) {
  EXPECT_EQ(shape_of({Phase::prefill, 1, Tokens{0}, Tokens{512}}, llama_7b()), chunk(0, 512, 1));
  EXPECT_EQ(shape_of({Phase::prefill, 1, Tokens{512}, Tokens{100}}, llama_7b()),
            chunk(512, 100, 1));
  EXPECT_EQ(shape_of({Phase::decode, 8, Tokens{512}, Tokens{0}}, llama_7b()), decode(8, 512));
}

TEST(Explain, EncodersSeeBothWays) {
  ModelSpec encoder = gpt2();
  encoder.kind = ModelKind::encoder;
  EXPECT_EQ(shape_of({Phase::prefill, 2, Tokens{0}, Tokens{10}}, encoder).prefill_pairs, 200);
}

TEST(Explain, TheLastRowIsTheStep) {
  const auto cost = make_cost_model(RooflineCostSpec{}, t4(), llama_7b(), PrecisionSpec{});
  const auto rows = explain(*cost, decode(8, 512));
  EXPECT_EQ(rows.back().name, "total");
  EXPECT_EQ(rows.back().phase, "decode");
  EXPECT_EQ(rows.back().layers, 32);
  EXPECT_EQ(rows.back().time, cost->step(decode(8, 512)).total());
  EXPECT_EQ(rows.back().bound, Bound::memory);
  EXPECT_EQ(explain(*cost, chunk(0, 2048, 1)).back().bound, Bound::compute);
}

TEST(Explain, TheT4sRidgeIsAboutTwoHundred) {
  const RidgePoint ridge = ridge_point(t4(), PrecisionSpec{});
  EXPECT_NEAR(ridge.sheet, 65e12 / 320e9, 1e-9);
  EXPECT_NEAR(ridge.reached, 65e12 * 0.3971 / (320e9 * 0.8201), 1e-9);
}

}  // namespace
}  // namespace tessera
