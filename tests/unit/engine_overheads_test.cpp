// What an engine makes of a GPU's kernels: launches, separate kernels, factors on prefills.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tessera/config/load.hpp"
#include "tests/unit/cost_fixtures.hpp"

namespace tessera {
namespace {

using cost_fixtures::chunk;
using cost_fixtures::decode;
using cost_fixtures::gpt2;
using cost_fixtures::llama_7b;
using cost_fixtures::t4;

Duration step(const EngineOverheads& overheads, const ModelSpec& model, const StepShape& shape,
              const GpuSpec& gpu = t4()) {
  return make_cost_model(RooflineCostSpec{}, gpu, model, PrecisionSpec{}, RankPlace{}, overheads)
      ->step(shape)
      .total();
}

// Nothing of the engine's own.
EngineOverheads bare() {
  EngineOverheads overheads;
  overheads.step = {};
  overheads.sequence = {};
  overheads.prefill_attention = 1.0;
  return overheads;
}

OperationTime row(const EngineOverheads& overheads, const ModelSpec& model, const StepShape& shape,
                  std::string_view name) {
  const auto cost =
      make_cost_model(RooflineCostSpec{}, t4(), model, PrecisionSpec{}, RankPlace{}, overheads);
  for (const OperationTime& operation : cost->operations(shape)) {
    if (operation.name == name) {
      return operation;
    }
  }
  return {};
}

TEST(EngineOverheads, TheDefaultIsThePresetOfVllm) {
  const EngineOverheads preset = overheads_preset("vllm_cuda_graphs");
  const EngineOverheads built_in;
  EXPECT_EQ(preset.name, built_in.name);
  EXPECT_EQ(preset.step, built_in.step);
  EXPECT_EQ(preset.sequence, built_in.sequence);
  EXPECT_EQ(preset.launch, built_in.launch);
  EXPECT_EQ(preset.prefill, built_in.prefill);
  EXPECT_EQ(preset.prefill_attention, built_in.prefill_attention);
  EXPECT_EQ(preset.prefill_architecture, built_in.prefill_architecture);
  EXPECT_EQ(preset.projections, built_in.projections);
}

// A small model waits for its launches; a large step hides them.
TEST(EngineOverheads, LaunchesHideBehindLongerKernels) {
  EngineOverheads eager = bare();
  eager.launch = Duration::microseconds(100);
  EXPECT_GT(step(eager, gpt2(), decode(1, 8)), step(bare(), gpt2(), decode(1, 8)));
  EXPECT_EQ(step(eager, llama_7b(), chunk(0, 4096, 1)),
            step(bare(), llama_7b(), chunk(0, 4096, 1)));
  // Kernels of one token: all that the operations list, but for attention's own time.
  const Duration gap = row(eager, gpt2(), decode(1, 8), "overhead").time;
  EXPECT_EQ(step(eager, gpt2(), decode(1, 8)), step(bare(), gpt2(), decode(1, 8)) + gap);
}

TEST(EngineOverheads, LaunchesNeverMakeMoreTokensCheaper) {
  EngineOverheads eager = bare();
  eager.launch = Duration::microseconds(40);
  Duration last;
  for (std::int64_t tokens = 1; tokens <= 2048; tokens += 13) {
    const Duration now = step(eager, gpt2(), chunk(0, tokens, 1));
    EXPECT_GE(now, last) << tokens;
    last = now;
  }
}

// FLOPs of prefills take 1/factor of the time; decodes beside them are as before.
TEST(EngineOverheads, TheFactorHoldsForPrefillsOnItsGpus) {
  EngineOverheads slow = bare();
  slow.prefill = 0.5;
  slow.prefill_attention = 0.5;
  slow.prefill_architecture = "Turing";
  GpuSpec turing = t4();
  turing.architecture = "Turing";
  const StepShape prefill = chunk(0, 4096, 1);
  const double whole = step(slow, llama_7b(), prefill, turing).to_seconds();
  const double plain = step(bare(), llama_7b(), prefill, turing).to_seconds();
  EXPECT_GT(whole / plain, 1.85);
  EXPECT_LT(whole / plain, 2.0);
  EXPECT_EQ(step(slow, llama_7b(), decode(8, 100), turing),
            step(bare(), llama_7b(), decode(8, 100), turing));
  GpuSpec other = turing;
  other.architecture = "Hopper";
  EXPECT_EQ(step(slow, llama_7b(), prefill, other), step(bare(), llama_7b(), prefill, other));
}

TEST(EngineOverheads, ModulesLaunchAndMoveMore) {
  const EngineOverheads modules = overheads_preset("hugging_face_cuda_graph");
  const StepShape shape = chunk(0, 1000, 1);
  const auto moved = [&](const EngineOverheads& overheads, const ModelSpec& model,
                         std::string_view name) {
    return row(overheads, model, shape, name).bytes;
  };
  // LLaMA's norm reads and writes 36 bytes a number where a fused one has 4; its weights once.
  const double weights = 65.0 * 4096.0 * 2.0;
  EXPECT_DOUBLE_EQ(moved(modules, llama_7b(), "norm") - weights,
                   9.0 * (moved(bare(), llama_7b(), "norm") - weights));
  EXPECT_DOUBLE_EQ(moved(modules, llama_7b(), "rope"), 5.0 * moved(bare(), llama_7b(), "rope"));
  EXPECT_DOUBLE_EQ(moved(modules, llama_7b(), "residual"), moved(bare(), llama_7b(), "residual"));
  ModelSpec small = gpt2();
  EXPECT_DOUBLE_EQ(moved(modules, small, "mlp_act"), moved(bare(), small, "mlp_act"));
  small.activation = ActivationKind::gelu_tanh;
  EXPECT_DOUBLE_EQ(moved(modules, small, "mlp_act"), 9.0 * moved(bare(), small, "mlp_act"));
  EXPECT_DOUBLE_EQ(moved(modules, small, "norm"), moved(bare(), small, "norm"));
}

// Activations of 8 bits move half the bytes of a layer; what stays in half precision moves as many.
TEST(EngineOverheads, IntegersThroughoutHalveTheTrafficOfALayer) {
  PrecisionSpec precision;
  precision.weights = WeightFormat::int8;
  precision.compute = ComputeFormat::int8;
  EngineOverheads integers = bare();
  integers.activations = Activations::integer;
  const StepShape shape = chunk(0, 1000, 1);
  const auto bytes = [&](const EngineOverheads& overheads, const PrecisionSpec& in) {
    const auto cost =
        make_cost_model(RooflineCostSpec{}, t4(), llama_7b(), in, RankPlace{}, overheads);
    std::map<std::string_view, double> by_name;
    for (const OperationTime& operation : cost->operations(shape)) {
      by_name[operation.name] = operation.bytes;
    }
    return by_name;
  };
  auto whole = bytes(bare(), precision);
  auto halved = bytes(integers, precision);
  EXPECT_DOUBLE_EQ(halved["residual"], whole["residual"] / 2.0);
  EXPECT_DOUBLE_EQ(halved["mlp_act"], 32.0 * 1000.0 * 3.0 * 11008.0);
  EXPECT_DOUBLE_EQ(whole["mlp_act"], 2.0 * halved["mlp_act"]);
  // Weights and scales are moved as before: what is less is half of inputs and outputs.
  EXPECT_DOUBLE_EQ(whole["mlp_down"] - halved["mlp_down"], 32.0 * 1000.0 * (11008.0 + 4096.0));
  // Queries in, outputs out.
  EXPECT_DOUBLE_EQ(whole["attention"] - halved["attention"], 32.0 * 1000.0 * 2.0 * 4096.0);
  for (const std::string_view unchanged : {"embedding", "kv_write", "lm_head", "sampler"}) {
    EXPECT_DOUBLE_EQ(halved[unchanged], whole[unchanged]) << unchanged;
  }
  // Nothing changes where the arithmetic is not of integers.
  EXPECT_EQ(bytes(integers, PrecisionSpec{}), bytes(bare(), PrecisionSpec{}));
}

// Attention of a model that computes its products in integers stays in half precision, and so does
// the engine's factor on it.
TEST(EngineOverheads, TheFactorOnAttentionHoldsBesideIntegerProducts) {
  PrecisionSpec precision;
  precision.weights = WeightFormat::int8;
  precision.compute = ComputeFormat::int8;
  EngineOverheads slow = bare();
  slow.prefill_attention = 0.1;
  slow.prefill_architecture = "";
  const auto attention = [&](const EngineOverheads& overheads) {
    const auto cost =
        make_cost_model(RooflineCostSpec{}, t4(), llama_7b(), precision, RankPlace{}, overheads);
    for (const OperationTime& operation : cost->operations(chunk(0, 4096, 1))) {
      if (operation.name == "attention") {
        return operation.time.to_seconds();
      }
    }
    return 0.0;
  };
  EXPECT_NEAR(attention(slow) / attention(bare()), 10.0, 0.1);
}

// Products of prefills with AWQ weights take a factor of their own, those of decodes none.
TEST(EngineOverheads, AwqHasAFactorOfItsOwn) {
  PrecisionSpec precision;
  precision.weights = WeightFormat::awq;
  EngineOverheads slow = bare();
  slow.prefill_awq = 0.2;
  slow.prefill_architecture = "";
  const auto product = [&](const EngineOverheads& overheads, const StepShape& shape) {
    const auto cost =
        make_cost_model(RooflineCostSpec{}, t4(), llama_7b(), precision, RankPlace{}, overheads);
    for (const OperationTime& operation : cost->operations(shape)) {
      if (operation.name == "mlp_up") {
        return operation.time.to_seconds();
      }
    }
    return 0.0;
  };
  const StepShape prefill = chunk(0, 4096, 1);
  EXPECT_NEAR(product(slow, prefill) / product(bare(), prefill), 5.0, 0.3);
  EXPECT_DOUBLE_EQ(product(slow, decode(8, 100)), product(bare(), decode(8, 100)));
  precision.weights = WeightFormat::gptq;
  EXPECT_DOUBLE_EQ(product(slow, prefill), product(bare(), prefill));
}

TEST(EngineOverheads, PrefillsThatNobodyMeasuredAreNamed) {
  PrecisionSpec precision;
  EngineOverheads engine = bare();
  GpuSpec turing = t4();
  turing.architecture = engine.prefill_architecture = "Turing";
  EXPECT_EQ(what_is_not_measured(turing, precision, engine), std::nullopt);
  precision.weights = WeightFormat::int8;
  EXPECT_EQ(what_is_not_measured(turing, precision, engine), std::nullopt);
  precision.weights = WeightFormat::awq;
  const auto said = what_is_not_measured(turing, precision, engine);
  ASSERT_TRUE(said);
  EXPECT_NE(said->find("prefills with awq weights under " + engine.name), std::string::npos);
  engine.prefill_awq = 0.2;
  EXPECT_EQ(what_is_not_measured(turing, precision, engine), std::nullopt);
  turing.architecture = "Hopper";
  EXPECT_TRUE(what_is_not_measured(turing, precision, engine));
  turing.architecture = "Turing";
  precision.weights = WeightFormat::q4_0;
  EXPECT_TRUE(what_is_not_measured(turing, precision, engine));
}

// A table of efficiency that falls to half makes the product of many tokens twice as long.
TEST(EngineOverheads, EfficiencyFollowsTokens) {
  GpuSpec curved = t4();
  curved.gemm.by_tokens = {{Tokens{64}, 1.0, 1.0}, {Tokens{4096}, 0.5, 1.0}};
  curved.gemm.roofs = RoofRule::max;
  GpuSpec flat = t4();
  flat.gemm.roofs = RoofRule::max;
  const auto product = [](const GpuSpec& gpu, std::int64_t tokens) {
    const auto cost = make_cost_model(RooflineCostSpec{}, gpu, llama_7b(), PrecisionSpec{});
    for (const OperationTime& operation : cost->operations(chunk(0, tokens, 1))) {
      if (operation.name == "mlp_up") {
        return operation.time.to_seconds();
      }
    }
    return 0.0;
  };
  const double launches = 32 * 20e-6;
  EXPECT_NEAR((product(curved, 4096) - launches) / (product(flat, 4096) - launches), 2.0, 1e-6);
  EXPECT_NEAR((product(curved, 8192) - launches) / (product(flat, 8192) - launches), 2.0, 1e-6);
  EXPECT_DOUBLE_EQ(product(curved, 64), product(flat, 64));
}

}  // namespace
}  // namespace tessera
