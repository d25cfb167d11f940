// From text to a scenario: shorthands, presets, kinds, defaults, and what does not go together.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tessera/config/load.hpp"

namespace tessera {
namespace {

Scenario scenario_of(const std::string& text) {
  return ScenarioText(text, "s.yaml", "").load({}).scenario;
}

std::string problems_of(const std::string& text) {
  try {
    (void)ScenarioText(text, "s.yaml", "").load({});
  } catch (const BadInput& bad) {
    return bad.what();
  }
  return "no problem";
}

std::string names_in(const std::vector<Listing>& listings) {
  std::string names;
  for (const Listing& listing : listings) {
    names += (names.empty() ? "" : ", ") + listing.name;
  }
  return names;
}

TEST(ConfigScenario, DefaultsAreWrittenOut) {
  const Scenario scenario = scenario_of("model: gpt2\n");
  EXPECT_EQ(scenario.hardware.gpu.name, "t4");
  EXPECT_EQ(scenario.model.name, "gpt2");
  EXPECT_EQ(scenario.engine.max_model_len, Tokens{1024});
  EXPECT_EQ(scenario.workload.requests, 1000);
  EXPECT_EQ(std::get<FixedLength>(*scenario.workload.prompt_tokens).tokens, Tokens{128});
  EXPECT_EQ(std::get<FixedLength>(*scenario.workload.output_tokens).tokens, Tokens{128});
  EXPECT_TRUE(scenario.output.memory);
}

TEST(ConfigScenario, ShorthandsMeanWhatTheyAbbreviate) {
  const Scenario scenario = scenario_of(
      "model: gpt2\n"
      "engine: {policy: orca, kv_cache: contiguous}\n"
      "workload: {prompt_tokens: 64, output_tokens: uniform, arrivals: constant}\n"
      "slo: {ttft: 2 s, tpot: {p90: 150 ms}}\n"
      "output: {memory: false, timeseries: true}\n");
  EXPECT_TRUE(std::holds_alternative<OrcaSpec>(scenario.engine.policy));
  EXPECT_TRUE(std::holds_alternative<ContiguousKvSpec>(scenario.engine.kv_cache));
  EXPECT_EQ(std::get<FixedLength>(*scenario.workload.prompt_tokens).tokens, Tokens{64});
  EXPECT_EQ(std::get<UniformLength>(*scenario.workload.output_tokens).max, Tokens{256});
  EXPECT_EQ(scenario.slo->ttft.each, Duration::seconds(2));
  EXPECT_EQ(scenario.slo->tpot.p90, Duration::milliseconds(150));
  EXPECT_FALSE(scenario.slo->tpot.each);
  EXPECT_FALSE(scenario.output.memory);
  EXPECT_EQ(scenario.output.timeseries->every, Duration::seconds(1));
}

TEST(ConfigScenario, PresetsAreNamedRefinedOrReplaced) {
  const GpuSpec t4 = gpu_preset("t4");
  const Scenario refined = scenario_of(
      "model: {preset: gpt2, layers: 6}\nhardware: {gpu: {preset: t4, memory: 14 GiB, peak: {int8: "
      "0 TOPS}}}\n");
  EXPECT_EQ(refined.model.layers, 6);
  EXPECT_EQ(refined.model.hidden, 768);
  EXPECT_EQ(refined.hardware.gpu.memory, Bytes{14LL << 30});
  EXPECT_EQ(refined.hardware.gpu.peak.int8, Flops{0.0});
  EXPECT_EQ(refined.hardware.gpu.peak.fp16, t4.peak.fp16);
  const Scenario own = scenario_of(
      "model: {layers: 2, hidden: 64, heads: 4, vocabulary: 100, positions: 512}\n"
      "hardware: {gpu: {peak: {fp32: 1 TFLOPS, fp16: 2 TFLOPS}, memory: 4 GiB, memory_bandwidth: "
      "50 GB/s}}\n");
  EXPECT_EQ(own.model.name, "custom");
  EXPECT_EQ(own.hardware.gpu.memory_bandwidth, Bandwidth{50e9});
}

TEST(ConfigScenario, AliasesAndWrongPresetNames) {
  EXPECT_EQ(model_preset("llama-6b").name, "llama-7b");
  EXPECT_THROW((void)model_preset("lama-7b"), WrongUsage);
  EXPECT_EQ(problems_of("model: lama-7b\n").substr(0, 83),
            "s.yaml:1:8: error: unknown preset 'lama-7b' for model; did you mean 'llama-7b'? (kn");
  EXPECT_EQ(problems_of("model: gpt2\nhardware: {gpu: {preset: t5}}\n").substr(0, 78),
            "s.yaml:2:26: error: unknown preset 't5' for hardware.gpu; did you mean 't4'? (");
}

TEST(ConfigScenario, EveryPresetLoads) {
  EXPECT_GE(list_gpus().size(), 9U);
  EXPECT_GE(list_models().size(), 30U);
  for (const Listing& gpu : list_gpus()) {
    EXPECT_GT(gpu_preset(gpu.name).memory, Bytes{0}) << gpu.name;
    EXPECT_FALSE(gpu.summary.empty());
  }
  for (const Listing& model : list_models()) {
    EXPECT_GT(model_preset(model.name).layers, 0) << model.name;
  }
  EXPECT_EQ(list_policies().front().name, "vllm_v1");
  EXPECT_EQ(list_kv_managers().front().name, "paged");
  EXPECT_EQ(list_trace_formats().front().name, "auto");
}

TEST(ConfigScenario, AMappingThatStandsAloneMustBeWhole) {
  EXPECT_EQ(problems_of("model: {layers: 2, hidden: 64}\n"),
            "s.yaml:1:8: error: missing key 'heads' in model: attention heads\n"
            "s.yaml:1:8: error: missing key 'vocabulary' in model: V, rows of the token embedding");
  EXPECT_EQ(problems_of("model: {preset: gpt2, hugging_face: x}\n"),
            "s.yaml:1:23: error: model starts from a preset or from hugging_face, not from both");
}

TEST(ConfigScenario, AModelOfHuggingFaceIsReadFromTheScenariosFolder) {
  const std::string folder = std::string(TESSERA_SOURCE_DIR) + "/tests/unit/data/hugging_face";
  const ScenarioText text("model: {hugging_face: gpt2/config.json, name: mine}\n", "s.yaml",
                          folder);
  const Scenario scenario = text.load({}).scenario;
  EXPECT_EQ(scenario.model.layers, 12);
  EXPECT_EQ(scenario.model.name, "mine");
  EXPECT_THROW(
      (void)ScenarioText("model: {hugging_face: nowhere.json}\n", "s.yaml", folder).load({}),
      UnreadableFile);
}

TEST(ConfigScenario, UnknownNamesAreToldWithWhatExists) {
  EXPECT_EQ(problems_of("model: gpt2\nengine: {policy: vllm1}\n"),
            "s.yaml:2:18: error: unknown kind 'vllm1' for engine.policy; did you mean 'vllm_v1'? "
            "(known: " +
                names_in(list_policies()) + ")");
  EXPECT_EQ(problems_of("model: gpt2\nprecision: {weights: int9}\n"),
            "s.yaml:2:22: error: unknown value 'int9' for precision.weights; did you mean 'int8'? "
            "(known: fp32, fp16, "
            "bf16, int8, int4, awq, gptq, nf4, q8_0, q4_0)");
  EXPECT_EQ(problems_of("model: gpt2\nengin: {}\n"),
            "s.yaml:2:1: error: unknown key 'engin' in the scenario; did you mean 'engine'?");
  EXPECT_EQ(problems_of("model: gpt2\nengine: {kv_cache: {kind: paged, placement: buddy}}\n"),
            "s.yaml:2:34: error: unknown key 'placement' in engine.kv_cache (kind paged); it "
            "belongs to kind contiguous");
}

TEST(ConfigScenario, WrongStructureIsNamed) {
  EXPECT_EQ(problems_of("model: gpt2\nengine: 5\n"),
            "s.yaml:2:9: error: engine: expected a mapping, got a plain value '5'");
  EXPECT_EQ(problems_of("model: gpt2\nseed: [1]\n"),
            "s.yaml:2:7: error: seed: expected a plain value, got a list");
  EXPECT_EQ(problems_of("model: [gpt2]\n"),
            "s.yaml:1:8: error: model: expected a preset's name or a mapping, got a list");
  EXPECT_EQ(problems_of("model: gpt2\nengine: {kv_cache: [paged]}\n"),
            "s.yaml:2:20: error: engine.kv_cache: expected a mapping with a 'kind' (" +
                names_in(list_kv_managers()) + "), got a list");
  EXPECT_EQ(problems_of("- model\n"),
            "s.yaml:1:1: error: expected a mapping of keys to values, got a list");
}

TEST(ConfigScenario, WhatDoesNotFitIsRefusedWithWhatWouldHelp) {
  const std::string problem = problems_of("name: big\nmodel: llama-13b\n");
  EXPECT_EQ(problem.substr(0, 69),
            "s.yaml:2:1: error: model: 'llama-13b' with fp16 weights does not fit ");
  EXPECT_NE(problem.find(" bytes ("), std::string::npos);
  EXPECT_NE(problem.find(" GiB) are missing"), std::string::npos);
  EXPECT_NE(problem.find("precision.weights: int4"), std::string::npos);
  EXPECT_NE(problem.find("hardware.gpu: "), std::string::npos);
  EXPECT_NE(problem.find("engine.parallel.tensor: 2 on hardware.count: 2"), std::string::npos);
  EXPECT_NE(problems_of("model: gpt3-175b\n").find("take a smaller model"), std::string::npos);
}

TEST(ConfigScenario, PolicyAndKvManagerMustCombine) {
  EXPECT_EQ(
      problems_of("model: gpt2\nengine: {policy: orca, kv_cache: {block_size: 8}}\n").substr(0, 43),
      "s.yaml:2:24: error: engine.kv_cache: the po");
  EXPECT_EQ(
      problems_of("model: gpt2\nengine: {policy: orca, kv_cache: {reserve: max_model_len}}\n"),
      "no problem");
}

TEST(ConfigScenario, ArithmeticMustExist) {
  EXPECT_EQ(
      problems_of("model: gpt2\nprecision: {weights: bf16, compute: bf16}\n"),
      "s.yaml:2:13: error: precision.weights: the t4 only emulates bf16; load the weights as fp16\n"
      "s.yaml:2:28: error: precision.compute: the t4 only emulates bf16; use fp16");
  EXPECT_EQ(problems_of("model: gpt2\nhardware: {gpu: v100}\nprecision: {compute: int4}\n"),
            "s.yaml:3:13: error: precision.compute: the v100 has no int4 arithmetic "
            "(hardware.gpu.peak.int4 is 0); use "
            "fp16");
  EXPECT_EQ(problems_of("model: gpt2\nhardware: {gpu: l4}\nprecision: {compute: bf16}\n"),
            "no problem");
}

TEST(ConfigScenario, TheContextMustBeTheModels) {
  EXPECT_EQ(problems_of("model: gpt2\nengine: {max_model_len: 2048}\n"),
            "s.yaml:2:10: error: engine.max_model_len: 2048 tokens are more than the 1024 "
            "positions that 'gpt2' has "
            "learned");
  EXPECT_EQ(problems_of("model: qwen2.5-0.5b\nengine: {max_model_len: 40000}\n"),
            "s.yaml:2:10: error: engine.max_model_len: 40000 tokens are more than the 32768 "
            "positions that "
            "'qwen2.5-0.5b' was trained for (model.positions)");
}

TEST(ConfigScenario, LengthsThatCanNeverFitAreErrors) {
  EXPECT_EQ(problems_of("model: gpt2\nworkload: {prompt_tokens: 1024}\n"),
            "s.yaml:2:12: error: workload.prompt_tokens: a prompt of 1024 tokens or more never "
            "fits max_model_len "
            "(1024) with a token of output");
  EXPECT_EQ(problems_of("model: gpt2\nworkload: {prompt_tokens: 1000, output_tokens: 100}\n"),
            "s.yaml:2:33: error: workload.output_tokens: a prompt of at least 1000 and an output "
            "of at least 100 tokens "
            "never fit max_model_len (1024)");
  EXPECT_EQ(
      problems_of("model: gpt2\nworkload: {prompt_tokens: {kind: lognormal, median: 5000}}\n"),
      "no problem")
      << "what is drawn is a result, not an error";
  EXPECT_EQ(problems_of("model: gpt2\nworkload: {prompt_tokens: {kind: zipf, min: 9, max: 3}}\n"),
            "s.yaml:2:40: error: workload.prompt_tokens.min: the shortest length (9) is above the "
            "longest (3)");
}

TEST(ConfigScenario, AWorkloadMustEnd) {
  EXPECT_EQ(problems_of("model: gpt2\nworkload: {arrivals: burst}\n"),
            "s.yaml:2:12: error: workload.arrivals: a burst needs the number of its requests: "
            "workload.requests");
  EXPECT_EQ(
      problems_of("model: gpt2\nworkload: {arrivals: closed_loop}\n"),
      "s.yaml:2:12: error: workload.arrivals: a closed loop needs an end: workload.requests or "
      "workload.duration");
  EXPECT_EQ(problems_of("model: gpt2\nworkload: {arrivals: {rate: 1e9 /s}, duration: 1000 d}\n"),
            "s.yaml:2:38: error: workload.duration: more than 1e12 requests would arrive; shorten "
            "it, or lower the "
            "rate");
  EXPECT_EQ(scenario_of("model: gpt2\nworkload: {duration: 10 min}\n").workload.requests,
            std::nullopt);
}

TEST(ConfigScenario, WithoutChunksAStepHoldsTheLongestPrompt) {
  EXPECT_EQ(
      problems_of(
          "model: gpt2\nengine: {policy: {chunked_prefill: false, max_num_batched_tokens: 512}}\n"),
      "s.yaml:2:43: error: engine.policy.max_num_batched_tokens: without chunked_prefill a step "
      "must hold the "
      "longest prompt: at least max_model_len (1024), got 512");
}

TEST(ConfigScenario, PoliciesHaveRulesOfTheirOwn) {
  const auto policy = [](const std::string& settings) {
    return problems_of("model: gpt2\nengine: {policy: {" + settings + "}}\n");
  };
  EXPECT_EQ(
      policy("kind: vllm_v0, version: 0.4, order: priority, chunked_prefill: true"),
      "s.yaml:2:48: error: engine.policy.order: the policy 'vllm_v0' as set does not serve in "
      "the order 'priority'; take fcfs, or the policy vllm_v1 without async_scheduling, which "
      "knows all of them\n"
      "s.yaml:2:65: error: engine.policy.chunked_prefill: of the versions of vllm_v0 only "
      "0.6 splits prompts");
  EXPECT_EQ(policy("kind: vllm_v0, max_num_batched_tokens: 1000").substr(0, 75),
            "s.yaml:2:34: error: engine.policy.max_num_batched_tokens: without chunked_p");
  EXPECT_EQ(policy("kind: sarathi, max_num_seqs: 64, chunk_size: 32"),
            "s.yaml:2:52: error: engine.policy.chunk_size: a step must hold a token of every "
            "sequence: at least "
            "max_num_seqs (64), got 32");
}

TEST(ConfigScenario, APoolHasOneSize) {
  EXPECT_EQ(problems_of("model: gpt2\nengine:\n  kv_cache: {kind: paged, num_blocks: 100}\n"
                        "  memory: {kv_cache_memory: 1 GiB}\n"),
            "s.yaml:4:12: error: engine.memory.kv_cache_memory: the pool has its size from "
            "engine.kv_cache.num_blocks; give one of the two");
  for (const auto& [policy, kv_cache, key] :
       {std::tuple{"lightllm", "kind: token, max_total_token_num: 4000", "max_total_token_num"},
        std::tuple{"sglang", "kind: radix, max_total_tokens: 4000", "max_total_tokens"},
        std::tuple{"tensorrt_llm", "kind: tensorrt_llm, max_tokens: 4000", "max_tokens"},
        std::tuple{"tgi", "kind: tgi, num_blocks: 100", "num_blocks"},
        std::tuple{"vllm_v1", "kind: cells, num_cells: 4000", "num_cells"}}) {
    const std::string problem =
        problems_of("model: gpt2\nengine:\n  policy: " + std::string(policy) + "\n  kv_cache: {" +
                    kv_cache + "}\n  memory: {kv_cache_memory: 1 GiB}\n");
    EXPECT_NE(problem.find("the pool has its size from engine.kv_cache." + std::string(key) +
                           "; give one of the two"),
              std::string::npos)
        << problem;
  }
  EXPECT_EQ(problems_of("model: gpt2\nengine: {memory: {kv_cache_memory: 1 GiB}}\n"), "no problem");
  EXPECT_EQ(problems_of("model: gpt2\nengine: {memory: {kv_cache_memory: 589823 B}}\n"),
            "s.yaml:2:19: error: engine.memory.kv_cache_memory: the least that this manager shares "
            "out takes 589824 bytes, got 589823");
}

TEST(ConfigScenario, WhatIsNotModelledIsRefused) {
  EXPECT_EQ(problems_of("model: bert-base\n"),
            "s.yaml:1:1: error: model: 'bert-base' is an encoder, and an encoder does not "
            "generate; take a decoder");
}

TEST(ConfigScenario, PrefixCachingAndSwappingNeedBothSides) {
  const auto engine = [](const std::string& policy, const std::string& kv_cache) {
    return problems_of("model: gpt2\nengine: {policy: {" + policy + "}, kv_cache: {" + kv_cache +
                       "}}\n");
  };
  EXPECT_EQ(engine("kind: vllm_v1", "kind: paged, prefix_caching: true"), "no problem");
  EXPECT_NE(engine("kind: sarathi", "kind: paged, prefix_caching: true").find("vllm_v1"),
            std::string::npos);
  EXPECT_NE(engine("kind: vllm_v1", "kind: paged, prefix_caching: true, reserve: max_model_len")
                .find("take reserve: grow"),
            std::string::npos);
  EXPECT_NE(
      problems_of("model: gpt2\nengine: {policy: {kind: vllm_v0, preemption: swap}}\n"
                  "hardware: {gpu: {preset: t4, link_measured: 0 B/s, link_bandwidth: 0 B/s}}\n")
          .find("hardware.gpu.link_measured: swapping moves KV over the link"),
      std::string::npos);
  EXPECT_NE(engine("kind: vllm_v0, preemption: swap", "kind: contiguous").find("swap"),
            std::string::npos);
}

TEST(ConfigScenario, LengthsThatCanNeverFitThePoolAreErrors) {
  const auto problem = [](const std::string& lengths) {
    return problems_of(
        "model: gpt2\nengine: {kv_cache: {kind: paged, num_blocks: 10}}\n"
        "workload: {" +
        lengths + "}\n");
  };
  // Nine blocks of 16 beside the null block: 144 entries.
  EXPECT_EQ(problem("prompt_tokens: 100, output_tokens: 45"), "no problem");
  EXPECT_NE(problem("prompt_tokens: 100, output_tokens: 46").find("never fits"), std::string::npos);
  EXPECT_NE(problem("prompt_tokens: 160, output_tokens: 1").find("never fits"), std::string::npos);
}

TEST(ConfigScenario, MissingFilesAreUnreadableInput) {
  const std::string text = "model: gpt2\nworkload: {arrivals: {kind: trace, file: none.csv}}\n";
  EXPECT_THROW((void)scenario_of(text), UnreadableFile);
  EXPECT_EQ(problems_of(text),
            "s.yaml:2:36: error: workload.arrivals.file: cannot read 'none.csv'");
  // With another problem beside it, the input is bad.
  EXPECT_EQ(problems_of("seed: x\n" + text),
            "s.yaml:1:7: error: seed: expected a whole number, got 'x'\n"
            "s.yaml:3:36: error: workload.arrivals.file: cannot read 'none.csv'");
  EXPECT_THROW((void)ScenarioText::read("/nowhere/s.yaml"), UnreadableFile);
  EXPECT_THROW((void)ScenarioText::read(TESSERA_SOURCE_DIR), UnreadableFile);
}

TEST(ConfigScenario, TheScenariosOfTheRepositoryLoad) {
  const auto study =
      ScenarioText::read(std::string(TESSERA_SOURCE_DIR) + "/scenarios/t4_llama7b_int8.yaml")
          .load({});
  EXPECT_EQ(study.scenario.name, "t4-llama7b-int8");
  ASSERT_EQ(study.sweep.size(), 1U);
  EXPECT_EQ(study.sweep[0].axes[0].path, "engine.policy.max_num_seqs");
  EXPECT_EQ(study.sweep[0].axes[0].values,
            (std::vector<std::string>{"1", "2", "4", "8", "16", "32", "64"}));
  EXPECT_EQ(ScenarioText::built_in().load({}).scenario.model.name, "llama-7b");
}

TEST(ConfigScenario, LoadsFromSeveralThreads) {
  const ScenarioText text = ScenarioText::built_in();
  const std::string expected = resolved_yaml(text.load({}).scenario);
  std::vector<std::string> results(4);
  std::vector<std::thread> threads;
  threads.reserve(results.size());
  for (std::string& result : results) {
    threads.emplace_back([&] { result = resolved_yaml(text.load({}).scenario); });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  for (const std::string& result : results) {
    EXPECT_EQ(result, expected);
  }
}

TEST(ConfigScenario, WhatIsResolvedLoadsAsTheSame) {
  for (const char* text :
       {"model: gpt2\n",
        "model: {preset: llama-7b, name: \"7\"}\nprecision: {weights: int4}\nslo: {ttft: 2 s}\n",
        "name: \"true\"\nmodel: gpt2\nengine: {policy: static, kv_cache: {kind: contiguous, "
        "reserve: oracle}}\n"
        "output: {memory: null}\ncost: {kind: affine, per_context_token: 0.1 us}\n",
        "name: \"a: b # c \\\"d\\\" \\\\ é\"\nmodel: gpt2\nworkload: {arrivals: {rate: 1 /h}}\n"}) {
    const Scenario scenario = scenario_of(text);
    const std::string resolved = resolved_yaml(scenario);
    const Scenario again = scenario_of(resolved);
    EXPECT_EQ(resolved_yaml(again), resolved);
    EXPECT_EQ(again.name, scenario.name);
    EXPECT_EQ(resolved.substr(0, 59),
              "# yaml-language-server: $schema=scenario.schema.json\nname: ");
  }
}

}  // namespace
}  // namespace tessera
