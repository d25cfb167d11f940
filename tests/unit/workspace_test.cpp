// What a run's workspace and CUDA graphs take, engine by engine, and where it is booked.
#include "tessera/memory/workspace.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <variant>

#include "tessera/config/load.hpp"
#include "tessera/engine/simulate.hpp"
#include "tessera/memory/forward_pass.hpp"
#include "tests/support/listed_requests.hpp"
#include "tests/support/scenarios.hpp"

namespace tessera {
namespace {

using namespace literals;

constexpr StepWorkspace hugging_face{.form = WorkspaceForm::hugging_face};

Scenario loaded(const std::string& text) {
  return ScenarioText(text, "s.yaml", "").load({}).scenario;
}

std::string refusal_of(const std::string& text) {
  try {
    (void)ScenarioText(text, "s.yaml", "").load({});
  } catch (const BadInput& bad) {
    return bad.what();
  }
  return "no problem";
}

// The values that classes of the ledger took.
struct Ledgers {
  std::set<std::int64_t> used;
  std::set<std::int64_t> reserved;
  std::set<std::int64_t> graphs;
};

class LedgerLog final : public Recorder {
 public:
  void on_usage(const UsageRecord& record) override {
    record.ledger.audit();
    seen.used.insert(record.ledger.workspace_used.count());
    seen.reserved.insert((record.ledger.workspace_used + record.ledger.workspace_idle).count());
    seen.graphs.insert(record.ledger.graphs.count());
  }
  Ledgers seen;
};

// 42 numbers of bytes a token and unit of width, and a position a token: forward_pass_test.
TEST(Workspace, ModelCodeHoldsWhatAForwardPassHoldsBesideItsCache) {
  const ModelSpec gpt2 = model_preset("gpt2");
  const Bytes cublas = hugging_face.cublas;
  const auto bytes = [&](std::int64_t batch, std::int64_t length) {
    return workspace_bytes(gpt2, {}, Tokens{batch * length}, batch, {}, hugging_face) - cublas;
  };
  const std::int64_t t = 4 * 512;
  const std::int64_t formula = 42 * 768 * t + (2 * 768 + 8) * 512 + 8 * t;
  EXPECT_NEAR(static_cast<double>(bytes(4, 512).count()), static_cast<double>(formula),
              0.02 * static_cast<double>(formula));
  // One token of each of 300: logits in half and in single precision.
  EXPECT_EQ(bytes(300, 1), Bytes{300 * 50'257 * 6});
}

// Of models whose keys and values fill their segments to the end: what others leave unsplit counts
// as theirs.
TEST(Workspace, ModelCodeTakesWhatTheWholePassTakesLessItsCache) {
  for (const char* name : {"llama-7b", "opt-2.7b", "llama-3.1-8b", "phi-2"}) {
    const ModelSpec model = model_preset(name);
    const ForwardPass pass{.batch = 2, .new_tokens = 1024_tokens};
    const Bytes cache = kv_bytes_per_token(model, KvFormat::fp16) * 2048;
    const auto whole = static_cast<double>((forward_memory(model, {}, pass).peak - cache).count());
    const auto beside = static_cast<double>(forward_workspace(model, {}, 2, 1024_tokens).count());
    EXPECT_NEAR(beside / whole, 1.0, 0.02) << name;
  }
}

TEST(Workspace, WhatIsHeldThroughoutIsAdded) {
  const StepWorkspace held{.cublas = 32_MiB, .attention_scratch = 256_MiB};
  const ModelSpec model = tiny_model();
  EXPECT_EQ(workspace_bytes(model, {}, 0_tokens, 0, {}, held), 288_MiB);
  EXPECT_EQ(workspace_bytes(model, {}, 7_tokens, 2, {}, held) - 288_MiB,
            workspace_bytes(model, {}, 7_tokens, 2) - StepWorkspace{}.cublas);
}

// 1, 2, 4, then every eighth.
TEST(CudaGraphs, AreCapturedUpToTheMostSequences) {
  const CudaGraphs graphs{
      .largest = 512, .small_up_to = 272, .small = 1_bytes, .large = 1000_bytes};
  EXPECT_EQ(graphs.bytes_a_layer(1), 1_bytes);
  EXPECT_EQ(graphs.bytes_a_layer(3), 2_bytes);
  EXPECT_EQ(graphs.bytes_a_layer(8), 4_bytes);
  EXPECT_EQ(graphs.bytes_a_layer(256), 35_bytes) << "vLLM v0 says 35/35";
  EXPECT_EQ(graphs.bytes_a_layer(280), Bytes{37 + 1000});
  EXPECT_EQ(graphs.bytes_a_layer(512), Bytes{37 + 30 * 1000}) << "vLLM v1 says 67/67";
  EXPECT_EQ(graphs.bytes_a_layer(1024), graphs.bytes_a_layer(512));
}

// 6.5 MiB and 26 MiB a graph of 32 layers.
TEST(CudaGraphs, ComeToWhatLlama8bWasLoggedWith) {
  EXPECT_EQ(CudaGraphs{}.bytes_a_layer(512) * 32, 26_MiB * 30 + 6656_KiB * 37);
}

TEST(CudaGraphs, LieBesideTheShareAndLeaveThePoolAsItIs) {
  const auto plan = [](const std::string& overheads) {
    return std::get<MemoryPlan>(plan_memory(
        loaded("model: llama-7b\nprecision: {weights: int8}\nengine: {overheads: " + overheads +
               ", policy: {kind: vllm_v1, max_num_seqs: 64}}\n")));
  };
  const MemoryPlan eager = plan("vllm_eager");
  const MemoryPlan captured = plan("vllm_cuda_graphs");
  EXPECT_EQ(captured.graphs, 208_KiB * 11 * 32);
  EXPECT_EQ(eager.graphs, 0_bytes);
  EXPECT_EQ(captured.pool, eager.pool);
  EXPECT_EQ(captured.outside + captured.graphs, eager.outside);
}

TEST(CudaGraphs, WithoutRoomBesideTheShareAreRefusedWithTheirBytes) {
  const std::string text =
      "model: llama-7b\nprecision: {weights: int8}\nengine: {memory: {utilization: 1}}\n";
  const std::string why = refusal_of(text);
  EXPECT_THAT(why, testing::HasSubstr("take 238551040 bytes (0.22 GiB), of which 238551040 are "
                                      "missing"));
  EXPECT_THAT(why, testing::HasSubstr("engine.memory.utilization: 0.98"));
  EXPECT_EQ(refusal_of("model: llama-7b\nprecision: {weights: int8}\n"
                       "engine: {memory: {utilization: 0.98}}\n"),
            "no problem");
  EXPECT_EQ(refusal_of("model: llama-7b\nprecision: {weights: int8}\n"
                       "engine: {memory: {utilization: 1}, overheads: vllm_eager}\n"),
            "no problem");
}

TEST(WorkspaceOfSteps, IsThatOfEveryStep) {
  StepWorkspace copied = hugging_face;
  copied.attention_scratch = 1'000_bytes;
  for (const StepWorkspace& workspace : {StepWorkspace{}, hugging_face, copied}) {
    for (const char* name : {"gpt2", "llama-2-7b", "bert-base"}) {
      const ModelSpec model = model_preset(name);
      for (const std::int64_t tensor : {1, 2}) {
        const PrecisionSpec precision;
        const Shard shard{.degrees = {.tensor = tensor}};
        const WorkspaceOfSteps steps(model, precision, shard, workspace);
        for (const std::int64_t tokens : {0, 1, 7, 100, 2'048}) {
          for (const std::int64_t sequences : {0, 1, 5, 64, 256}) {
            EXPECT_EQ(
                steps.bytes(Tokens{tokens}, sequences),
                workspace_bytes(model, precision, Tokens{tokens}, sequences, shard, workspace))
                << name << ", " << tokens << " tokens of " << sequences << " sequences";
          }
        }
      }
    }
  }
}

TEST(Ledger, EveryEngineBooksItsOwnWorkspaceAndGraphs) {
  const auto run = [](const std::string& engine) {
    const Scenario scenario = loaded("model: gpt2\nengine: {" + engine + "}\n");
    ListedRequests source({a_request(0, {}, 100_tokens, 5_tokens)});
    LedgerLog log;
    simulate(scenario, source, log);
    return log.seen;
  };
  const Ledgers vllm = run("policy: {kind: vllm_v1, max_num_seqs: 8}");
  EXPECT_EQ(vllm.graphs, (std::set<std::int64_t>{4 * 208 * 1024 * 12}));
  const Ledgers stepped = run("policy: {kind: vllm_v1, max_num_seqs: 8}, advance: step");
  EXPECT_EQ(stepped.graphs, vllm.graphs);
  EXPECT_EQ(stepped.used, vllm.used);
  EXPECT_EQ(stepped.reserved, vllm.reserved);

  const Ledgers loop = run("policy: static, kv_cache: {kind: concat}");
  EXPECT_EQ(loop.graphs, std::set<std::int64_t>{0});
  EXPECT_NE(loop.reserved, vllm.reserved);
  const ModelSpec gpt2 = model_preset("gpt2");
  const Bytes prefill = workspace_bytes(gpt2, {}, 100_tokens, 1, {}, hugging_face);
  const Bytes decode = workspace_bytes(gpt2, {}, 1_tokens, 1, {}, hugging_face);
  EXPECT_EQ(loop.used, (std::set<std::int64_t>{0, decode.count(), prefill.count()}));
  EXPECT_EQ(run("policy: static, kv_cache: {kind: concat}, memory: {workspace: serving}").reserved,
            run("policy: static, kv_cache: {kind: contiguous}").reserved);
}

}  // namespace
}  // namespace tessera
