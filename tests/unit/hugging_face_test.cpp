// Models from config.json: exact counts, the library's defaults, and what is refused.
#include "sim/config/hugging_face.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace tessera {
namespace {

using testing::HasSubstr;

std::string config_of(const std::string& model) {
  return std::string{TESSERA_SOURCE_DIR} + "/tests/unit/data/hugging_face/" + model +
         "/config.json";
}

std::int64_t parameters_of(const std::string& model) {
  return count_parameters(model_from_hugging_face(config_of(model))).total();
}

// A config.json of its own text, in a folder of its own.
class HuggingFaceFile : public testing::Test {
 protected:
  HuggingFaceFile() {
    const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              ("tessera-" + std::to_string(getpid()) + "-" + test->name());
    std::filesystem::create_directories(folder_);
  }
  ~HuggingFaceFile() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  HuggingFaceFile(const HuggingFaceFile&) = delete;
  HuggingFaceFile& operator=(const HuggingFaceFile&) = delete;

  std::string write(const std::string& text) {
    std::ofstream{path(), std::ios::binary} << text;
    return path();
  }
  // A small mistral with `more` entries appended.
  std::string write_mistral(const std::string& more) {
    return write(R"({"model_type": "mistral", "num_hidden_layers": 2, "hidden_size": 64,
      "num_attention_heads": 16, "intermediate_size": 96, "vocab_size": 100,
      "max_position_embeddings": 4096)" +
                 more + "}");
  }
  std::string write_llama(const std::string& more) {
    return write(R"({"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 64,
      "num_attention_heads": 16, "intermediate_size": 96, "vocab_size": 100,
      "max_position_embeddings": 512)" +
                 more + "}");
  }
  // The one message of a file that is refused.
  static std::string problem_in(const std::string& file) {
    try {
      (void)model_from_hugging_face(file);
    } catch (const BadInput& bad) {
      return bad.diagnostics().size() == 1 ? to_string(bad.diagnostics().front())
                                           : std::string{"several: "} + bad.what();
    }
    return "accepted";
  }
  [[nodiscard]] std::string path() const { return (folder_ / "config.json").string(); }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path folder_;
};

TEST(HuggingFace, EveryFamilyHasItsPublishedCount) {
  EXPECT_EQ(parameters_of("gpt2"), 124'439'808);
  EXPECT_EQ(parameters_of("opt-350m"), 331'196'416);
  EXPECT_EQ(parameters_of("llama-3.2-1b"), 1'235'814'400);
  EXPECT_EQ(parameters_of("mistral-7b"), 7'241'732'096);
  EXPECT_EQ(parameters_of("qwen2.5-1.5b"), 1'543'714'304);
  EXPECT_EQ(parameters_of("phi-2"), 2'779'683'840);
  EXPECT_EQ(parameters_of("bert-base"), 109'482'240);
}

TEST(HuggingFace, ShapesThatCountsDoNotShow) {
  const ModelSpec llama = model_from_hugging_face(config_of("llama-3.2-1b"));
  EXPECT_EQ(llama.kind, ModelKind::decoder);
  EXPECT_EQ(llama.positions, 131'072);
  EXPECT_EQ(kv_bytes_per_token(llama, KvFormat::fp16), Bytes{32'768});
  EXPECT_EQ(model_from_hugging_face(config_of("bert-base")).kind, ModelKind::encoder);
  const ModelSpec phi = model_from_hugging_face(config_of("phi-2"));
  EXPECT_EQ(phi.position, PositionKind::rotary);
  EXPECT_EQ(phi.rotated_of_head(), 32);
  EXPECT_EQ(llama.rotated_of_head(), llama.size_of_head());
}

TEST(HuggingFace, NamesAreTheHubsOrTheFolders) {
  EXPECT_EQ(model_from_hugging_face(config_of("opt-350m")).name, "opt-350m");
  EXPECT_EQ(model_from_hugging_face(config_of("gpt2")).name, "gpt2");
}

TEST_F(HuggingFaceFile, AbsentEntriesTakeTheLibrarysDefaults) {
  const ModelSpec llama = model_from_hugging_face(write_llama(""));
  EXPECT_EQ(llama.key_value_heads(), 16);
  EXPECT_EQ(llama.size_of_head(), 4);
  EXPECT_FALSE(llama.attention_bias);
  EXPECT_FALSE(llama.tied_embeddings);
  // Mistral's default is 8 heads of keys and values; null means as many as heads.
  EXPECT_EQ(model_from_hugging_face(write_mistral("")).kv_heads, 8);
  EXPECT_EQ(
      model_from_hugging_face(write_mistral(R"(, "num_key_value_heads": null)")).key_value_heads(),
      16);
  const ModelSpec gpt2 = model_from_hugging_face(
      write(R"({"model_type": "gpt2", "n_layer": 1, "n_embd": 8, "n_head": 2,
                "vocab_size": 10, "n_positions": 16})"));
  EXPECT_TRUE(gpt2.tied_embeddings);
  EXPECT_EQ(gpt2.mlp_width(), 32);
}

TEST_F(HuggingFaceFile, BiasesOfLlamaCoverTheOutputToo) {
  const ModelSpec model =
      model_from_hugging_face(write_llama(R"(, "attention_bias": true, "mlp_bias": true)"));
  EXPECT_TRUE(model.attention_bias);
  EXPECT_TRUE(model.output_bias);
  EXPECT_TRUE(model.mlp_bias);
}

TEST_F(HuggingFaceFile, WhatIsNotModelledIsSaid) {
  Diagnostics notes;
  (void)model_from_hugging_face(write_mistral(R"(, "sliding_window": 1024)"), &notes);
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_EQ(notes.front().severity, Severity::warning);
  EXPECT_THAT(notes.front().message, HasSubstr("1024"));
  notes.clear();
  (void)model_from_hugging_face(write_mistral(R"(, "sliding_window": null)"), &notes);
  EXPECT_TRUE(notes.empty());
  (void)model_from_hugging_face(write_llama(R"(, "quantization_config": {"bits": 4})"), &notes);
  ASSERT_EQ(notes.size(), 1U);
  EXPECT_THAT(notes.front().message, HasSubstr("precision"));
}

TEST_F(HuggingFaceFile, MissingFile) {
  EXPECT_THROW((void)model_from_hugging_face((folder() / "none.json").string()), UnreadableFile);
  EXPECT_THROW((void)model_from_hugging_face(folder().string()), UnreadableFile);
}

TEST_F(HuggingFaceFile, BrokenJsonNamesItsPlace) {
  EXPECT_THAT(problem_in(write("{\n  \"model_type\": gpt2\n}")), HasSubstr("config.json:2:17"));
  EXPECT_THAT(problem_in(write("")), HasSubstr("not JSON"));
  EXPECT_THAT(problem_in(write("{\"model_type\": \"gpt2\"")), HasSubstr("not JSON"));
  EXPECT_THAT(problem_in(write("{} {}")), HasSubstr("config.json:1:4"));
  EXPECT_THAT(problem_in(write("[1]")), HasSubstr("one JSON object"));
  EXPECT_THAT(problem_in(write(std::string(1000, '['))), HasSubstr("not JSON"));
}

TEST_F(HuggingFaceFile, UnknownFamilyListsTheKnownOnes) {
  EXPECT_THAT(problem_in(write(R"({"model_type": "lama"})")),
              testing::AllOf(HasSubstr("did you mean 'llama'"), HasSubstr("bert, gpt2, llama")));
  EXPECT_THAT(problem_in(write("{}")), HasSubstr("'model_type' is missing"));
  EXPECT_THAT(problem_in(write(R"({"model_type": 7})")), HasSubstr("'model_type' must be text"));
}

TEST_F(HuggingFaceFile, EveryMissingSizeIsNamedAtOnce) {
  try {
    (void)model_from_hugging_face(write(R"({"model_type": "opt", "hidden_size": 64})"));
    FAIL() << "accepted";
  } catch (const BadInput& bad) {
    EXPECT_EQ(bad.diagnostics().size(), 5U);
    EXPECT_THAT(std::string{bad.what()}, HasSubstr("'ffn_dim' is missing"));
    EXPECT_THAT(bad.diagnostics().front().place.file, HasSubstr("config.json"));
  }
}

TEST_F(HuggingFaceFile, ValuesThatAreNoSizes) {
  for (const char* value : {"0", "-8", "8.5", "\"8\"", "true", "[8]", "99999999999999999999",
                            "18446744073709551615", "1e400", "16777217"}) {
    const std::string file = write_llama(std::string{R"(, "num_key_value_heads": )"} + value);
    EXPECT_NE(problem_in(file), "accepted") << value;
  }
  EXPECT_THAT(problem_in(write_llama(R"(, "tie_word_embeddings": "yes")")),
              HasSubstr("'tie_word_embeddings' must be true or false"));
}

TEST_F(HuggingFaceFile, HeadsThatDoNotDivide) {
  EXPECT_THAT(problem_in(write_llama(R"(, "num_key_value_heads": 7)")),
              HasSubstr("'kv_heads' (7) does not divide 'heads' (16)"));
}

TEST_F(HuggingFaceFile, WhatWouldChangeTheCountIsRefused) {
  const std::string sizes = R"("num_hidden_layers": 2, "hidden_size": 64,
      "num_attention_heads": 16, "intermediate_size": 96, "ffn_dim": 96, "vocab_size": 100,
      "max_position_embeddings": 512)";
  const auto refused = [&](const std::string& type, const std::string& more) {
    return problem_in(write(R"({"model_type": ")" + type + R"(", )" + sizes + ", " + more + "}"));
  };
  EXPECT_THAT(refused("phi", R"("qk_layernorm": true)"), HasSubstr("'qk_layernorm'"));
  EXPECT_THAT(refused("opt", R"("layer_norm_elementwise_affine": false)"), HasSubstr("norms"));
  EXPECT_THAT(refused("bert", R"("position_embedding_type": "relative_key")"),
              HasSubstr("'absolute'"));
  EXPECT_THAT(refused("bert", R"("is_decoder": true)"), HasSubstr("encoder"));
  EXPECT_THAT(refused("bert", R"("add_cross_attention": true)"), HasSubstr("decoders alone"));
}

// PhiConfig's own default is a half; version 5 of transformers keeps the factor in a mapping.
TEST_F(HuggingFaceFile, PartsOfHeadsThatRotate) {
  const auto phi = [&](const std::string& more) {
    return write(R"({"model_type": "phi", "num_hidden_layers": 2, "hidden_size": 160,
      "num_attention_heads": 2, "intermediate_size": 96, "vocab_size": 100,
      "max_position_embeddings": 512)" +
                 more + "}");
  };
  EXPECT_EQ(model_from_hugging_face(phi("")).rotated_of_head(), 40);
  EXPECT_EQ(model_from_hugging_face(phi(R"(, "partial_rotary_factor": 0.4)")).rotated_of_head(),
            32);
  EXPECT_EQ(model_from_hugging_face(phi(R"(, "rope_parameters": {"partial_rotary_factor": 0.25})"))
                .rotated_of_head(),
            20);
  EXPECT_THAT(problem_in(phi(R"(, "partial_rotary_factor": 0)")),
              HasSubstr("'partial_rotary_factor' must be a number above 0, up to 1, not 0"));
  EXPECT_THAT(problem_in(phi(R"(, "partial_rotary_factor": 0.99)")),
              HasSubstr("'rotary_fraction' turns 79 of a head's 80 numbers"));
}

TEST_F(HuggingFaceFile, OptWithoutBiases) {
  const ModelSpec model = model_from_hugging_face(
      write(R"({"model_type": "opt", "num_hidden_layers": 2, "hidden_size": 64,
      "num_attention_heads": 16, "ffn_dim": 96, "vocab_size": 100,
      "max_position_embeddings": 512, "enable_bias": false})"));
  EXPECT_FALSE(model.attention_bias || model.output_bias || model.mlp_bias);
  EXPECT_TRUE(model.final_norm);
  EXPECT_EQ(count_parameters(model).total(),
            100 * 64 + 514 * 64 + 2 * (4 * 64 * 64 + 2 * 64 * 96 + 4 * 64) + 2 * 64);
}

}  // namespace
}  // namespace tessera
