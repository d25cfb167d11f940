// --set, --vary and sweep: paths, kinds, presets, ranges.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tessera/config/load.hpp"

namespace tessera {
namespace {

const ScenarioText& base() {
  static const ScenarioText text(
      "model: gpt2\n"
      "engine: {kv_cache: {kind: paged, block_size: 32, watermark: 0.01}}\n",
      "s.yaml", "");
  return text;
}

LoadedScenario load(const std::vector<std::string>& settings) {
  std::vector<Override> overrides;
  for (const std::string& setting : settings) {
    overrides.push_back(parse_override(setting));
  }
  return base().load(overrides);
}

std::string problems_of(const std::vector<std::string>& settings) {
  try {
    (void)load(settings);
  } catch (const BadInput& bad) {
    return bad.what();
  }
  return "no problem";
}

std::string notes_of(const LoadedScenario& loaded) {
  std::string text;
  for (const Diagnostic& note : loaded.notes) {
    text += to_string(note) + "\n";
  }
  return text;
}

std::string usage_of(const std::string& text) {
  try {
    (void)parse_axis(text);
  } catch (const WrongUsage& wrong) {
    return wrong.what();
  }
  return "fine";
}

TEST(ConfigOverride, SetsAPlainValue) {
  EXPECT_EQ(std::get<VllmV1Spec>(load({"engine.policy.max_num_seqs=16"}).scenario.engine.policy)
                .max_num_seqs,
            16);
  EXPECT_EQ(load({"seed=3", "seed=4"}).scenario.seed, 4U);
}

TEST(ConfigOverride, AProblemIsReportedAtItsOption) {
  EXPECT_EQ(
      problems_of({"engine.policy.max_num_seqs=0"}),
      "--set engine.policy.max_num_seqs: error: must be at least 1 and at most 1000000, got 0");
  EXPECT_EQ(problems_of({"seed=1.5"}), "--set seed: error: expected a whole number, got '1.5'");
  EXPECT_EQ(problems_of({"engine.memory={utilisation: 0.8}"}),
            "--set engine.memory: error: unknown key 'utilisation' in engine.memory; did you mean "
            "'utilization'?");
  EXPECT_EQ(problems_of({"engine.memory={utilization: [}"}).substr(0, 28),
            "--set engine.memory:1:16: er");
  EXPECT_EQ(problems_of({"engine.max_model_len=4096"}),
            "--set engine.max_model_len: error: 4096 tokens are more than the 1024 positions that "
            "'gpt2' has learned");
}

TEST(ConfigOverride, ANewKindStartsAfreshAndSaysWhatItSetAside) {
  const LoadedScenario by_kind = load({"engine.kv_cache.kind=contiguous"});
  EXPECT_EQ(std::get<ContiguousKvSpec>(by_kind.scenario.engine.kv_cache).placement,
            Placement::buddy);
  EXPECT_EQ(notes_of(by_kind),
            "--set engine.kv_cache.kind: note: engine.kv_cache.kind=contiguous sets aside "
            "engine.kv_cache's "
            "block_size, watermark\n");
  const LoadedScenario by_name =
      load({"engine.kv_cache=contiguous", "engine.kv_cache.reserve=oracle"});
  EXPECT_EQ(std::get<ContiguousKvSpec>(by_name.scenario.engine.kv_cache).reserve, Reserve::oracle);
  EXPECT_EQ(by_name.notes.size(), 1U);
}

TEST(ConfigOverride, TheSameKindKeepsItsKeys) {
  for (const char* setting : {"engine.kv_cache.kind=paged", "engine.kv_cache=paged"}) {
    const LoadedScenario loaded = load({setting});
    EXPECT_EQ(std::get<PagedKvSpec>(loaded.scenario.engine.kv_cache).block_size, Tokens{32});
    EXPECT_TRUE(loaded.notes.empty());
  }
}

TEST(ConfigOverride, AMappingReplacesAMapping) {
  const LoadedScenario loaded = load({"engine.kv_cache={kind: paged, block_size: 8}"});
  EXPECT_EQ(std::get<PagedKvSpec>(loaded.scenario.engine.kv_cache).block_size, Tokens{8});
  EXPECT_EQ(std::get<PagedKvSpec>(loaded.scenario.engine.kv_cache).watermark, std::nullopt);
  EXPECT_EQ(notes_of(loaded),
            "--set engine.kv_cache: note: engine.kv_cache={kind: paged, block_size: 8} sets aside "
            "engine.kv_cache's "
            "watermark\n");
}

TEST(ConfigOverride, AKeyOfAnotherKindIsExplained) {
  EXPECT_EQ(problems_of({"engine.kv_cache.placement=buddy"}),
            "--set engine.kv_cache.placement: error: only kind contiguous has 'placement', but "
            "engine.kv_cache is "
            "paged; set engine.kv_cache.kind first");
  EXPECT_NE(problems_of({"engine.kv_cache.kind=pagd"})
                .find("--set engine.kv_cache.kind: error: unknown kind 'pagd' for engine.kv_cache; "
                      "did you mean 'paged'?"),
            std::string::npos);
}

TEST(ConfigOverride, ReachesIntoPresetsAndAbsentMappings) {
  const Scenario scenario =
      load({"hardware.gpu.memory=14 GiB", "hardware.gpu.peak.int4=0 TOPS", "slo.ttft=2 s",
            "slo.tpot.p90=150 ms", "workload.prompt_tokens=64", "output.memory.every=5 s",
            "model.layers=6"})
          .scenario;
  EXPECT_EQ(scenario.hardware.gpu.name, "t4");
  EXPECT_EQ(scenario.hardware.gpu.memory, Bytes{14LL << 30});
  EXPECT_EQ(scenario.hardware.gpu.peak.int4, Flops{0.0});
  EXPECT_EQ(scenario.slo->ttft.each, Duration::seconds(2));
  EXPECT_EQ(scenario.slo->tpot.p90, Duration::milliseconds(150));
  EXPECT_EQ(scenario.output.memory->every, Duration::seconds(5));
  EXPECT_EQ(scenario.model.layers, 6);
  EXPECT_EQ(scenario.model.hidden, 768);
}

TEST(ConfigOverride, ANewPresetSetsRefinementsAside) {
  const LoadedScenario loaded = load({"hardware.gpu.memory=14 GiB", "hardware.gpu=l4"});
  EXPECT_EQ(loaded.scenario.hardware.gpu.name, "l4");
  EXPECT_EQ(loaded.scenario.hardware.gpu.memory, gpu_preset("l4").memory);
  EXPECT_EQ(notes_of(loaded),
            "--set hardware.gpu: note: hardware.gpu=l4 sets aside hardware.gpu's memory\n");
}

TEST(ConfigOverride, SeriesSwitchOnAndOff) {
  EXPECT_FALSE(load({"output.memory=false"}).scenario.output.memory);
  EXPECT_FALSE(load({"output.memory=null"}).scenario.output.memory);
  EXPECT_TRUE(load({"output.memory=false", "output.memory=true"}).scenario.output.memory);
  EXPECT_TRUE(load({"output.memory=false", "output.memory.every=2 s"}).scenario.output.memory);
}

TEST(ConfigOverride, PathsThatDoNotExistAreWrongUsage) {
  const auto usage = [](const std::string& text) {
    try {
      (void)parse_override(text);
    } catch (const WrongUsage& wrong) {
      return std::string(wrong.what());
    }
    return std::string("fine");
  };
  EXPECT_EQ(usage("engine.polcy.max_num_seqs=4"),
            "--set: a scenario has no 'engine.polcy.max_num_seqs'; did you mean "
            "'engine.policy.max_num_seqs'?");
  EXPECT_EQ(usage("max_num_seqs=4"),
            "--set: a scenario has no 'max_num_seqs'; did you mean 'engine.policy.max_num_seqs'?");
  EXPECT_EQ(usage("seed"), "--set takes path=value, got 'seed'");
  EXPECT_EQ(usage("seed="), "--set seed: no value after '='");
  EXPECT_EQ(usage("=4"), "--set: a scenario has no ''");
  EXPECT_EQ(usage("seed.x=4"), "--set: a scenario has no 'seed.x'; did you mean 'seed'?");
  EXPECT_EQ(usage("engine.=4").substr(0, 33), "--set: a scenario has no 'engine.");
  EXPECT_EQ(usage("engine.kv_cache.placement=buddy"), "fine") << "some kind has it";
  EXPECT_EQ(usage("workload.arrivals.kind=trace"), "fine");
  EXPECT_EQ(usage("model.kind=encoder"), "fine");
}

TEST(ConfigAxis, SplitsAtCommasOutsideBrackets) {
  const Axis axis =
      parse_axis("engine.kv_cache={kind: paged, block_size: 8}, contiguous,\"paged\"");
  EXPECT_EQ(axis.path, "engine.kv_cache");
  EXPECT_EQ(axis.values,
            (std::vector<std::string>{"{kind: paged, block_size: 8}", "contiguous", "\"paged\""}));
}

TEST(ConfigAxis, ExpandsRanges) {
  const auto values = [](const std::string& text) { return parse_axis("seed=" + text).values; };
  using Values = std::vector<std::string>;
  EXPECT_EQ(values("1..64*2"), (Values{"1", "2", "4", "8", "16", "32", "64"}));
  EXPECT_EQ(values("1..10+3"), (Values{"1", "4", "7", "10"}));
  EXPECT_EQ(values("1..3"), (Values{"1", "2", "3"}));
  EXPECT_EQ(values("3..3"), (Values{"3"}));
  EXPECT_EQ(values("1..2,8,16..32*2"), (Values{"1", "2", "8", "16", "32"}));
  EXPECT_EQ(values("0.1..0.5+0.2"), (Values{"0.1", "0.3", "0.5"}));
  EXPECT_EQ(values("1..4*1.5"), (Values{"1", "1.5", "2.25", "3.375"}));
  EXPECT_EQ(values("-2..2+2"), (Values{"-2", "0", "2"}));
  EXPECT_EQ(values("1..4*2 GiB"), (Values{"1 GiB", "2 GiB", "4 GiB"}));
  EXPECT_EQ(values("0.5..2*2 /s"), (Values{"0.5 /s", "1 /s", "2 /s"}));
  EXPECT_EQ(values("../a.csv"), (Values{"../a.csv"}));
}

TEST(ConfigAxis, RefusesRangesThatDoNotEnd) {
  EXPECT_EQ(usage_of("seed=5..1"), "--vary seed: the range '5..1' ends before it starts");
  EXPECT_EQ(usage_of("seed=1..5*1"), "--vary seed: the range '1..5*1' never reaches its end");
  EXPECT_EQ(usage_of("seed=1..5*0.5"), "--vary seed: the range '1..5*0.5' never reaches its end");
  EXPECT_EQ(usage_of("seed=0..5*2"), "--vary seed: the range '0..5*2' never reaches its end");
  EXPECT_EQ(usage_of("seed=1..5+0"), "--vary seed: the range '1..5+0' never reaches its end");
  EXPECT_EQ(usage_of("seed=1..5+-1"), "--vary seed: the range '1..5+-1' never reaches its end");
  EXPECT_EQ(usage_of("seed=1..1000000"),
            "--vary seed: the range '1..1000000' has more than 10000 values");
  EXPECT_EQ(usage_of("seed=1..2*1.000000000001"),
            "--vary seed: the range '1..2*1.000000000001' has numbers with too "
            "many digits");
  EXPECT_EQ(usage_of("seed=1,,2"), "--vary seed: an empty value between commas");
  EXPECT_EQ(usage_of("sed=1").substr(0, 32), "--vary: a scenario has no 'sed';");
}

std::string sweep_problems(const std::string& sweep) {
  try {
    (void)ScenarioText("model: gpt2\nsweep: " + sweep + "\n", "s.yaml", "").load({});
  } catch (const BadInput& bad) {
    return bad.what();
  }
  return "no problem";
}

TEST(ConfigSweep, KeepsItsOrderAndItsValuesAsText) {
  const auto sweep =
      ScenarioText(
          "model: gpt2\nsweep:\n  seed: 1..3\n  engine.kv_cache: [contiguous, {kind: paged, "
          "block_size: 8}]\n  engine.policy.max_num_seqs: [1, 4..16*2]\n",
          "s.yaml", "")
          .load({})
          .sweep;
  ASSERT_EQ(sweep.size(), 3U);
  EXPECT_EQ(sweep[0].axes[0].path, "seed");
  EXPECT_EQ(sweep[0].axes[0].values, (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_EQ(sweep[1].axes[0].values,
            (std::vector<std::string>{"contiguous", "{kind: paged, block_size: 8}"}));
  EXPECT_EQ(sweep[2].axes[0].values, (std::vector<std::string>{"1", "4", "8", "16"}));
}

TEST(ConfigSweep, ZippedPathsVaryTogether) {
  const auto sweep = ScenarioText(
                         "model: gpt2\nsweep:\n  seed: [1, 2]\n  zip:\n    model: [gpt2, gpt2-xl]\n"
                         "    workload.arrivals.rate: [4 /s, 2 /s]\n",
                         "s.yaml", "")
                         .load({})
                         .sweep;
  ASSERT_EQ(sweep.size(), 2U);
  ASSERT_EQ(sweep[1].axes.size(), 2U);
  EXPECT_EQ(sweep[1].axes[0].path, "model");
  EXPECT_EQ(sweep[1].axes[1].values, (std::vector<std::string>{"4 /s", "2 /s"}));
  // Several zips are a list of mappings.
  EXPECT_EQ(sweep_problems("{zip: [{seed: [1, 2], workload.requests: [1, 2]}, "
                           "{model: [gpt2], name: [a]}]}"),
            "no problem");
}

TEST(ConfigSweep, ZipsThatDoNotFitAreReportedAtTheirPlace) {
  EXPECT_EQ(sweep_problems("{zip: {seed: 1..3, name: [a, b]}}"),
            "s.yaml:2:27: error: zipped paths take their values side by side, but 'seed' has 3 and "
            "'name' has 2");
  EXPECT_EQ(sweep_problems("{zip: 3}"),
            "s.yaml:2:14: error: sweep.zip: expected a mapping of paths to lists of equal length, "
            "got a plain value");
  EXPECT_NE(sweep_problems("{seed: [1], zip: {seed: [1], name: [a]}}").find("given twice"),
            std::string::npos);
  EXPECT_NE(sweep_problems("{zip: {sed: [1], name: [a]}}").find("did you mean 'seed'?"),
            std::string::npos);
}

TEST(ConfigSweep, ProblemsAreReportedAtTheirPlaceInTheFile) {
  EXPECT_EQ(sweep_problems("{sed: [1]}"),
            "s.yaml:2:9: error: sweep: a scenario has no 'sed'; did you mean 'seed'?");
  EXPECT_EQ(sweep_problems("{seed: []}"),
            "s.yaml:2:15: error: sweep.seed: expected a list of values, or a range such "
            "as '1..64*2', got an empty list");
  EXPECT_EQ(sweep_problems("{seed: 4}").substr(0, 57),
            "s.yaml:2:15: error: sweep.seed: expected a list of values");
  EXPECT_EQ(sweep_problems("[seed]").substr(0, 45),
            "s.yaml:2:8: error: sweep: expected a mapping ");
  EXPECT_EQ(sweep_problems("{seed: [1, x]}"),
            "s.yaml:2:19: error: sweep.seed: expected a whole number, got 'x'");
  EXPECT_EQ(sweep_problems("{engine.policy.max_num_seqs: [0]}"),
            "s.yaml:2:38: error: sweep.engine.policy.max_num_seqs: must be at least 1 and at most "
            "1000000, got 0");
  EXPECT_EQ(sweep_problems(
                "{engine.kv_cache.kind: [paged, contiguous], engine.kv_cache.placement: [buddy]}"),
            "no problem");
}

}  // namespace
}  // namespace tessera
