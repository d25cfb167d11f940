// What a scenario says of where its times come from: tables of another model or card are refused,
// and what nobody measured is said.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "tessera/config/load.hpp"
#include "tests/support/temporary_folder.hpp"

namespace tessera {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CostRules : public testing::Test {
 protected:
  void SetUp() override {
    std::ofstream dense(folder_.path() / "dense.csv");
    dense << "layer,tokens,time_us\n";
    for (const char* layer : {"qkv_proj", "o_proj", "gate_up_proj", "down_proj"}) {
      dense << layer << ",1,100\n" << layer << ",1000,1000\n";
    }
    std::ofstream(folder_.path() / "linear.csv")
        << "time_stats.mlp_up_proj.median,n_head,n_kv_head,n_embd,n_expanded_embd,vocab_size,"
           "use_gated_mlp,num_tokens,num_tensor_parallel_workers\n"
           "0.9,32,32,4096,11008,32000,True,128,1\n";
  }

  // What is said of a scenario that loads, or why it is refused.
  [[nodiscard]] std::string said_of(const std::string& text) const {
    std::string said;
    try {
      const ScenarioText scenario(text, "s.yaml", folder_.path().string());
      for (const Diagnostic& note : scenario.load({}).notes) {
        said += note.message + "\n";
      }
    } catch (const BadInput& bad) {
      said = bad.what();
    }
    return said;
  }
  [[nodiscard]] std::string said_of_tables(const std::string& keys) const {
    return said_of(
        "model: llama-7b\nprecision: {weights: int8}\nhardware: {gpu: t4}\n"
        "cost: {kind: profiled, " +
        keys + "}\n");
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(CostRules, TablesOfThisModelAndCardAreTaken) {
  EXPECT_THAT(said_of_tables("dense: dense.csv, measured_on: {model: llama-7b, gpu: t4}"),
              IsEmpty());
}

TEST_F(CostRules, TablesOfAnotherModelAreRefused) {
  const std::string said =
      said_of_tables("dense: dense.csv, measured_on: {model: llama-3.1-8b, gpu: t4}");
  EXPECT_THAT(said, HasSubstr("cost.measured_on.model: the tables were measured with llama-3.1-8b, "
                              "and the scenario has llama-7b"));
}

TEST_F(CostRules, TablesOfAnotherCardAreRefused) {
  const std::string said =
      said_of_tables("dense: dense.csv, measured_on: {model: llama-7b, gpu: rtx4090}");
  EXPECT_THAT(said, HasSubstr("cost.measured_on.gpu: the tables were measured with rtx4090, and "
                              "the scenario has t4"));
}

TEST_F(CostRules, TablesThatNameNothingAreTakenAndSaid) {
  EXPECT_THAT(said_of_tables("dense: dense.csv"),
              HasSubstr("they are taken to be those of llama-7b on the t4 (cost.measured_on"));
}

// The table of linear operations says its shapes itself, and serves others.
TEST_F(CostRules, ShapesOfLinearTablesAreTheirOwn) {
  EXPECT_THAT(said_of_tables("linear: linear.csv, measured_on: {model: llama-2-7b, gpu: t4}"),
              IsEmpty());
  EXPECT_THAT(said_of_tables("linear: linear.csv, measured_on: {model: llama-2-7b, gpu: l4}"),
              HasSubstr("cost.measured_on.gpu"));
}

TEST_F(CostRules, PrefillsThatNobodyMeasuredAreSaid) {
  const auto scenario = [](const std::string& weights, const std::string& more) {
    return "model: llama-7b\nprecision: {weights: " + weights + "}\n" + more;
  };
  EXPECT_THAT(said_of(scenario("int8", "")), IsEmpty());
  EXPECT_THAT(said_of(scenario("awq", "")),
              HasSubstr("prefills with awq weights under vllm_cuda_graphs were not measured on the "
                        "t4: their products are priced as those of half-precision weights"));
  EXPECT_THAT(said_of(scenario("awq", "cost: affine\n")), IsEmpty());
  EXPECT_THAT(said_of(scenario("awq", "engine: {overheads: hugging_face_eager}\n")), IsEmpty());
  EXPECT_THAT(said_of(scenario("gptq", "engine: {overheads: hugging_face_eager}\n")),
              HasSubstr("prefills with gptq weights under hugging_face_eager"));
}

}  // namespace
}  // namespace tessera
