// A step taken apart: shapes, totals and the ridge point.
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>
#include <vector>

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

struct Counted {
  std::string_view name;
  double flops;
  double bytes;
};

const OperationTime& row_of(const std::vector<OperationTime>& rows, std::string_view name) {
  const auto found =
      std::find_if(rows.begin(), rows.end(), [&](const auto& row) { return row.name == name; });
  EXPECT_NE(found, rows.end()) << name;
  return found == rows.end() ? rows.front() : *found;
}

void expect_counts(const std::vector<OperationTime>& rows, const std::vector<Counted>& expected) {
  for (const Counted& operation : expected) {
    EXPECT_EQ(row_of(rows, operation.name).flops, operation.flops) << operation.name;
    EXPECT_EQ(row_of(rows, operation.name).bytes, operation.bytes) << operation.name;
  }
}

// Worked out by hand: h 768, 12 layers, f 3072, V 50257, two bytes a number, biases everywhere.
TEST(Explain, ADecodeOfGpt2ByHand) {
  const auto cost = make_cost_model(RooflineCostSpec{}, t4(), gpt2(), PrecisionSpec{});
  const StepQuestion question{Phase::decode, 1, Tokens{512}, Tokens{0}};
  const auto rows = explain(*cost, question, gpt2());
  expect_counts(rows, {{"embedding", 0, 7'680},
                       {"norm", 134'400, 153'600},
                       {"qkv_proj", 42'467'328, 42'596'352},
                       {"kv_write", 0, 73'728},
                       {"attention", 18'874'368, 18'911'232},
                       {"out_proj", 14'155'776, 14'211'072},
                       {"residual", 18'432, 110'592},
                       {"mlp_up", 56'623'104, 56'788'992},
                       {"mlp_act", 294'912, 147'456},
                       {"mlp_down", 56'623'104, 56'733'696},
                       {"lm_head", 77'194'752, 77'296'802},
                       {"sampler", 251'285, 904'626}});
}

// h 4096, 32 layers, f 11008, gated, no biases: 2 sequences, 100 tokens each after 50.
TEST(Explain, AChunkOfLlama7bByHand) {
  const auto cost = make_cost_model(RooflineCostSpec{}, t4(), llama_7b(), PrecisionSpec{});
  const StepQuestion question{Phase::prefill, 2, Tokens{50}, Tokens{100}};
  const auto rows = explain(*cost, question, llama_7b());
  expect_counts(rows, {{"qkv_proj", 644'245'094'400, 3'430'940'672},
                       {"rope", 157'286'400, 209'715'200},
                       {"attention", 10'538'188'800, 262'144'000},
                       {"mlp_up", 1'154'272'460'800, 6'105'595'904},
                       {"mlp_down", 577'136'230'400, 3'079'012'352}});
  EXPECT_EQ(row_of(rows, "out_proj").flops, 214'748'364'800);
}

TEST(Explain, WithoutTheCacheEveryTokenIsComputedAgain) {
  const auto cost = make_cost_model(RooflineCostSpec{}, t4(), llama_7b(), PrecisionSpec{});
  const StepQuestion with{Phase::decode, 8, Tokens{512}, Tokens{0}};
  StepQuestion without = with;
  without.kv_cache = CacheUse::off;
  const auto on = explain(*cost, with, llama_7b());
  const auto off = explain(*cost, without, llama_7b());
  for (const char* product : {"qkv_proj", "out_proj", "mlp_up", "mlp_down"}) {
    EXPECT_EQ(row_of(off, product).flops, 512 * row_of(on, product).flops);
    EXPECT_EQ(row_of(on, product).bound, Bound::memory);
    EXPECT_EQ(row_of(off, product).bound, Bound::compute);
  }
  // 512·513/2 pairs a sequence in place of 512.
  EXPECT_EQ(row_of(off, "attention").flops * 2, 513 * row_of(on, "attention").flops);
  EXPECT_EQ(row_of(off, "lm_head").flops, row_of(on, "lm_head").flops);
  EXPECT_EQ(row_of(off, "attention").phase, "decode");
  for (const OperationTime& row : off) {
    EXPECT_NE(row.name, "kv_write");
  }
}

TEST(Explain, ALayerIsItsPartOfTheStep) {
  const ModelSpec layer = one_layer(llama_7b());
  const auto whole = make_cost_model(RooflineCostSpec{}, t4(), llama_7b(), PrecisionSpec{});
  const auto one = make_cost_model(RooflineCostSpec{}, t4(), layer, PrecisionSpec{});
  const StepQuestion question{Phase::decode, 8, Tokens{512}, Tokens{0}};
  const auto of_step = explain(*whole, question, llama_7b());
  const auto of_layer = explain_layer(*one, question, layer);
  for (const char* name : {"qkv_proj", "attention", "kv_write", "mlp_act", "mlp_down"}) {
    EXPECT_EQ(row_of(of_step, name).flops, 32 * row_of(of_layer, name).flops);
    EXPECT_EQ(row_of(of_step, name).bytes, 32 * row_of(of_layer, name).bytes);
    // A context token's price is a whole number of picoseconds, of all layers or of one.
    const double whole_time = row_of(of_step, name).time.to_seconds();
    EXPECT_NEAR(whole_time, 32 * row_of(of_layer, name).time.to_seconds(), 1e-5 * whole_time);
  }
  for (const OperationTime& row : of_layer) {
    EXPECT_TRUE(row.name != "embedding" && row.name != "lm_head" && row.name != "overhead");
  }
  EXPECT_EQ(row_of(of_layer, "total").layers, 1);
}

TEST(Explain, AnEncoderKeepsNoKeysAndValues) {
  ModelSpec encoder = gpt2();
  encoder.kind = ModelKind::encoder;
  const auto cost = make_cost_model(RooflineCostSpec{}, t4(), encoder, PrecisionSpec{});
  const StepQuestion question{Phase::prefill, 2, Tokens{0}, Tokens{10}, CacheUse::off};
  for (const OperationTime& row : explain(*cost, question, encoder)) {
    EXPECT_NE(row.name, "kv_write");
  }
}

TEST(Explain, PartsOfOneOperationAreOneRow) {
  const auto cost = make_cost_model(AffineCostSpec{}, t4(), llama_7b(), PrecisionSpec{});
  const StepQuestion question{Phase::decode, 1, Tokens{512}, Tokens{0}};
  const auto rows = explain(*cost, question, llama_7b());
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1].name, "overhead");
  EXPECT_EQ(rows[2].time, cost->step(shape_of(question, llama_7b())).total());
}

TEST(Explain, TheT4sRidgeIsAboutTwoHundred) {
  const RidgePoint ridge = ridge_point(t4(), PrecisionSpec{});
  EXPECT_NEAR(ridge.sheet, 65e12 / 320e9, 1e-9);
  EXPECT_NEAR(ridge.reached, 65e12 * 0.3971 / (320e9 * 0.8201), 1e-9);
}

}  // namespace
}  // namespace tessera
