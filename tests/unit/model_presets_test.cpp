// Presets of models against the counts that their authors' checkpoints have.
#include <gtest/gtest.h>

#include <cmath>
#include <ostream>
#include <string>
#include <vector>

#include "tessera/config/load.hpp"
#include "tessera/model/model.hpp"

namespace tessera {
namespace {

struct Published {
  std::string preset;
  std::int64_t parameters;
};
std::ostream& operator<<(std::ostream& out, const Published& published) {
  return out << published.preset;
}

// Elements of the published checkpoints, tied matrices once (OPT-2.7B, 30B and 66B: of their
// configurations, whose published names round them).
const std::vector<Published>& published_counts() {
  static const std::vector<Published> counts{
      {"gpt2", 124'439'808},
      {"gpt2-medium", 354'823'168},
      {"gpt2-large", 774'030'080},
      {"gpt2-xl", 1'557'611'200},
      {"opt-125m", 125'239'296},
      {"opt-350m", 331'196'416},
      {"opt-1.3b", 1'315'758'080},
      {"opt-2.7b", 2'651'596'800},
      {"opt-6.7b", 6'658'473'984},
      {"opt-13b", 12'853'473'280},
      {"opt-30b", 29'974'540'288},
      {"opt-66b", 65'719'701'504},
      {"llama-7b", 6'738'415'616},
      {"llama-13b", 13'015'864'320},
      {"llama-33b", 32'528'943'616},
      {"llama-65b", 65'285'660'672},
      {"llama-2-7b", 6'738'415'616},
      {"llama-2-13b", 13'015'864'320},
      {"llama-2-70b", 68'976'648'192},
      {"llama-3-8b", 8'030'261'248},
      {"llama-3-70b", 70'553'706'496},
      {"llama-3.1-8b", 8'030'261'248},
      {"llama-3.1-70b", 70'553'706'496},
      {"llama-3.2-1b", 1'235'814'400},
      {"llama-3.2-3b", 3'212'749'824},
      {"qwen2.5-0.5b", 494'032'768},
      {"qwen2.5-1.5b", 1'543'714'304},
      {"qwen2.5-7b", 7'615'616'512},
      {"mistral-7b", 7'241'732'096},
      {"phi-2", 2'779'683'840},
      {"bert-base", 109'482'240},
      {"bert-large", 335'141'888},
  };
  return counts;
}

class ModelPreset : public testing::TestWithParam<Published> {};

TEST_P(ModelPreset, HasThePublishedCountExactly) {
  const ModelSpec model = model_preset(GetParam().preset);
  EXPECT_EQ(count_parameters(model).total(), GetParam().parameters);
}

INSTANTIATE_TEST_SUITE_P(Published, ModelPreset, testing::ValuesIn(published_counts()));

// Published to four digits only: 174,600 M (GPT-3, Table D.1) and "175B".
TEST(ModelPresets, LargestModelsLieWithinHalfAPercentOfTheirPapers) {
  for (const char* name : {"gpt3-175b", "opt-175b"}) {
    const auto count = static_cast<double>(count_parameters(model_preset(name)).total());
    EXPECT_NEAR(count / 174.6e9, 1.0, 0.005) << name;
  }
}

TEST(ModelPresets, NameThemselvesAndContradictNothing) {
  const std::vector<Listing> listed = list_models();
  EXPECT_GE(listed.size(), published_counts().size() + 2);
  for (const Listing& listing : listed) {
    const ModelSpec model = model_preset(listing.name);
    EXPECT_EQ(contradictions(model), std::vector<std::string>{}) << listing.name;
    EXPECT_GT(model.positions, 0) << listing.name;
  }
}

TEST(ModelPresets, AliasesMeanTheSameModel) {
  EXPECT_EQ(model_preset("llama-6b").name, "llama-7b");
  EXPECT_EQ(model_preset("llama-30b").name, "llama-33b");
}

// The textbook's l·12h², which the LLaMA paper's sizes are often quoted by.
TEST(ModelPresets, LlamaSizesByTheTextbook) {
  const auto layers_only = [](const char* name) {
    const ModelSpec model = model_preset(name);
    return textbook_parameters(model) - model.vocabulary * model.hidden;
  };
  EXPECT_EQ(layers_only("llama-7b"), 6'442'450'944);
  EXPECT_EQ(layers_only("llama-13b"), 12'582'912'000);
  EXPECT_EQ(layers_only("llama-33b"), 31'897'681'920);
  EXPECT_EQ(layers_only("llama-65b"), 64'424'509'440);
}

// For models with a plain MLP of four widths the textbook lacks only biases, norms and positions.
TEST(ModelPresets, TheTextbookIsCloseForPlainModels) {
  for (const char* name : {"gpt2-xl", "gpt3-175b", "opt-13b", "opt-175b"}) {
    const ModelSpec model = model_preset(name);
    const auto exact = static_cast<double>(count_parameters(model).total());
    EXPECT_NEAR(static_cast<double>(textbook_parameters(model)) / exact, 1.0, 0.003) << name;
  }
}

TEST(ModelPresets, KvBytesPerToken) {
  const auto fp16 = [](const char* name) {
    return kv_bytes_per_token(model_preset(name), KvFormat::fp16).count();
  };
  EXPECT_EQ(fp16("gpt3-175b"), 4'718'592);
  EXPECT_EQ(fp16("opt-13b"), 819'200);
  EXPECT_EQ(fp16("llama-13b"), 819'200);
  EXPECT_EQ(fp16("llama-7b"), 524'288);
  EXPECT_EQ(fp16("opt-6.7b"), 524'288);
  EXPECT_EQ(fp16("opt-2.7b"), 327'680);
  EXPECT_EQ(fp16("gpt2-xl"), 307'200);
  EXPECT_EQ(fp16("gpt2"), 36'864);
  EXPECT_EQ(fp16("llama-3-8b"), 131'072);  // 8 of 32 heads keep keys and values
  EXPECT_EQ(fp16("qwen2.5-1.5b"), 28'672);
}

// GPT-3, 64 requests of 512 + 32 tokens: the popular 4·b·l·h·(s+n), and what is written.
TEST(ModelPresets, KvOfABatchOfGpt3) {
  const Bytes token = kv_bytes_per_token(model_preset("gpt3-175b"), KvFormat::fp16);
  EXPECT_EQ((token * 64 * (512 + 32)).count(), 164'282'499'072);
  EXPECT_EQ((token * 64 * (512 + 32 - 1)).count(), 163'980'509'184);
}

// 2048 tokens and a block of 16 of OPT-13B.
TEST(ModelPresets, KvOfASequenceAndABlockOfOpt13b) {
  const Bytes token = kv_bytes_per_token(model_preset("opt-13b"), KvFormat::fp16);
  EXPECT_EQ((token * 2048).count(), 1'677'721'600);
  EXPECT_EQ((token * 16).count(), 13'107'200);
}

}  // namespace
}  // namespace tessera
