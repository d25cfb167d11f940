// Nodes in scenarios: presets, what refines them, and degrees that do not fit.
#include <gtest/gtest.h>

#include <string>

#include "tessera/config/load.hpp"
#include "tessera/engine/simulate.hpp"

namespace tessera {
namespace {

LoadedScenario load(const std::string& text, const std::vector<Override>& overrides = {}) {
  return ScenarioText(text, "s.yaml", "").load(overrides);
}

std::string problems_of(const std::string& text) {
  try {
    (void)load(text);
  } catch (const BadInput& bad) {
    return bad.what();
  }
  return "";
}

TEST(ConfigNode, APresetSetsWhatTheScenarioDoesNotSay) {
  const Scenario whole = load("model: gpt2\nhardware: {node: g4dn.12xlarge}\n").scenario;
  EXPECT_EQ(whole.hardware.count, 4);
  EXPECT_EQ(whole.hardware.gpu.name, "t4");
  EXPECT_EQ(whole.hardware.gpu.link_measured, Bandwidth{6.3e9});
  EXPECT_EQ(std::get<PcieLink>(whole.hardware.link).gpus_per_bridge, 4);

  const Scenario refined = load(
                               "model: gpt2\n"
                               "hardware: {node: g4dn.12xlarge, count: 2, gpu: {memory: 14 GiB},\n"
                               "           link: {bridge_bandwidth: 12 GB/s}}\n")
                               .scenario;
  EXPECT_EQ(refined.hardware.count, 2);
  EXPECT_EQ(refined.hardware.gpu.memory, Bytes{14ll << 30});
  EXPECT_EQ(refined.hardware.gpu.link_measured, Bandwidth{6.3e9});
  EXPECT_EQ(std::get<PcieLink>(refined.hardware.link).gpus_per_bridge, 4);
  EXPECT_EQ(std::get<PcieLink>(refined.hardware.link).bridge_bandwidth, Bandwidth{12e9});
}

TEST(ConfigNode, AnotherGpuOrLinkReplacesThePresets) {
  const Scenario other = load(
                             "model: gpt2\n"
                             "hardware: {node: g4dn.metal, gpu: l4, link: nvlink}\n")
                             .scenario;
  EXPECT_EQ(other.hardware.count, 8);
  EXPECT_EQ(other.hardware.gpu.name, "l4");
  EXPECT_NE(other.hardware.gpu.link_measured, Bandwidth{6.3e9});
  EXPECT_TRUE(std::holds_alternative<NvLink>(other.hardware.link));
}

TEST(ConfigNode, OverridesReachThePresetAndItsGpu) {
  const Scenario set = load("model: gpt2\n", {{"hardware.node", "g4dn.metal"},
                                              {"hardware.gpu.memory", "14 GiB"},
                                              {"engine.parallel.replicas", "8"}})
                           .scenario;
  EXPECT_EQ(set.hardware.count, 8);
  EXPECT_EQ(set.hardware.gpu.memory, Bytes{14ll << 30});
  EXPECT_EQ(set.hardware.gpu.link_measured, Bandwidth{6.3e9});
  const Scenario other =
      load("model: gpt2\n", {{"hardware.node", "g4dn.metal"}, {"hardware.gpu", "l4"}}).scenario;
  EXPECT_EQ(other.hardware.gpu.name, "l4");
}

TEST(ConfigNode, TheResolvedScenarioIsTheSame) {
  for (const Listing& listing : list_nodes()) {
    const Scenario first =
        load("model: gpt2\nhardware: {node: " + listing.name + ", link: {bandwidth: 5 GB/s}}\n")
            .scenario;
    EXPECT_EQ(first.hardware.count, node_preset(listing.name).count);
    const std::string text = resolved_yaml(first);
    EXPECT_EQ(resolved_yaml(load(text).scenario), text);
  }
}

TEST(ConfigNode, IdleGpusAreNoted) {
  const auto loaded = load("model: gpt2\nhardware: {count: 4}\nengine: {parallel: {tensor: 2}}\n");
  ASSERT_EQ(loaded.notes.size(), 1u);
  EXPECT_EQ(loaded.notes[0].message,
            "2 of 4 GPUs stay idle: tensor (2) x pipeline (1) x replicas (1) uses 2");
}

TEST(ConfigNode, DegreesThatDoNotFitAreRefused) {
  EXPECT_EQ(problems_of("model: gpt2\nengine: {parallel: {tensor: 2, replicas: 2}}\n"),
            "s.yaml:2:10: error: engine.parallel: tensor (2) x pipeline (1) x replicas (2) needs 4 "
            "GPUs, and hardware.count is 1; lower a degree, or set hardware.count: 4");
  EXPECT_EQ(problems_of("model: gpt2\nhardware: {count: 8}\nengine: {parallel: {tensor: 5}}\n"),
            "s.yaml:3:21: error: engine.parallel.tensor: the 'heads' (12) of 'gpt2' cannot be "
            "divided by 5 ranks\n"
            "s.yaml:3:21: error: engine.parallel.tensor: the 'intermediate' (3072) of 'gpt2' "
            "cannot be divided by 5 ranks\n"
            "s.yaml:3:21: error: engine.parallel.tensor: the 'kv_heads' (12) of 'gpt2' can neither "
            "be divided by nor be copied evenly to 5 ranks");
  EXPECT_EQ(
      problems_of("model: gpt2\nhardware: {count: 2}\n"
                  "engine: {policy: static, kv_cache: contiguous, parallel: {pipeline: 2}}\n"),
      "s.yaml:3:59: error: engine.parallel.pipeline: the policy 'static' has one batch in "
      "flight, which leaves all stages but one idle; take vllm_v1, sarathi, simple_chunking, orca");
  EXPECT_EQ(problems_of("model: gpt2\nhardware: {node: g4dn.12xlage}\n").substr(0, 98),
            "s.yaml:2:18: error: unknown preset 'g4dn.12xlage' for hardware.node; did you mean "
            "'g4dn.12xlarge'?");
}

TEST(ConfigNode, CommunicationNeedsAKnownLink) {
  const std::string text =
      "model: gpt2\n"
      "hardware: {gpu: {preset: t4, link_measured: 0 GB/s, link_bandwidth: 0 GB/s}, count: 2}\n";
  EXPECT_NE(problems_of(text + "engine: {parallel: {tensor: 2}}\n").find("hardware.link.bandwidth"),
            std::string::npos);
  EXPECT_EQ(problems_of(text + "engine: {parallel: {replicas: 2}}\n"), "");
}

// Every rank holds as many blocks as the one with the least room; the rest of its memory is idle.
TEST(ConfigNode, ThePoolIsTheLeastOfAllRanks) {
  const Scenario scenario = load(
                                "model: llama-13b\nprecision: {weights: fp16}\n"
                                "hardware: {node: g4dn.12xlarge}\n"
                                "engine: {parallel: {pipeline: 3}}\n")
                                .scenario;
  const auto planned = plan_engine(scenario);
  const EnginePlan& plan = std::get<EnginePlan>(planned);
  ASSERT_EQ(plan.devices.size(), 3u);
  EXPECT_EQ(plan.lead(), 1u);  // 13, 14 and 13 of 40 layers
  Bytes sum{0};
  for (std::size_t device = 0; device < 3; ++device) {
    const MemoryPlan& one = plan.devices[device];
    sum += one.weights;
    EXPECT_EQ(one.pool.count() / plan.layers_of(device),
              plan.devices[1].pool.count() / plan.layers_of(1));
    EXPECT_EQ(one.driver + one.weights + one.workspace + one.pool + one.graphs + one.outside,
              one.capacity);
  }
  EXPECT_EQ(sum, weight_bytes(scenario.model, WeightFormat::fp16));
}

}  // namespace
}  // namespace tessera
