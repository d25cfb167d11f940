// tessera memory as a user calls it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/cli/program_under_test.hpp"

namespace tessera::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST(CliMemory, PrintsEveryFormulaWithItsNumbers) {
  const Finished done = Workplace().run(
      {"memory", "--model", "gpt3-175b", "--batch", "64", "--prompt", "512", "--output", "32"});
  EXPECT_EQ(done.status, 0);
  EXPECT_EQ(done.err, "");
  EXPECT_THAT(done.out, HasSubstr("164,282,499,072  153.000  164.282  4*b*l*h*(s+n) = "
                                  "4*64*96*12288*(512+32)"));
  EXPECT_THAT(done.out, HasSubstr("163,980,509,184"));
  EXPECT_THAT(done.out, Not(HasSubstr("training_")));
}

TEST(CliMemory, CsvHasThreeColumns) {
  const Finished done =
      Workplace().run({"memory", "--model", "gpt3-175b", "--batch", "64", "--prompt", "512",
                       "--output", "32", "--training", "--tensor", "8", "--format", "csv"});
  EXPECT_EQ(done.status, 0);
  EXPECT_THAT(done.out, StartsWith("item,formula,bytes\n"));
  EXPECT_THAT(done.out, HasSubstr("\nkv_peak_textbook,4*b*l*h*(s+n) = 4*64*96*12288*(512+32),"
                                  "164282499072\n"));
  EXPECT_THAT(done.out, HasSubstr(" = 0.470,\n"));
  EXPECT_THAT(done.out, HasSubstr("\nactivations_layer_tensor_sequence_parallel_selective,34*s*b*h/"
                                  "t = 34*512*64*12288/8,1711276032\n"));
  const auto lines = std::count(done.out.begin(), done.out.end(), '\n');
  EXPECT_EQ(std::count(done.out.begin(), done.out.end(), ','), 2 * lines);
}

TEST(CliMemory, JsonHasTheSameRows) {
  const Finished done =
      Workplace().run({"memory", "--model", "llama-7b", "--gpu", "t4", "--format", "json"});
  EXPECT_EQ(done.status, 0);
  EXPECT_THAT(done.out, HasSubstr("\"kv_to_weights\": {"));
  EXPECT_THAT(done.out, HasSubstr("\"bytes\": null"));
  EXPECT_THAT(done.out, HasSubstr("\"bytes\": 15828254720"));
}

TEST(CliMemory, WithoutAModelItListsThePresets) {
  const Finished done = Workplace().run({"memory", "--format", "csv"});
  EXPECT_EQ(done.status, 0);
  for (const char* count : {"6442450944", "12582912000", "31897681920", "64424509440"}) {
    EXPECT_THAT(done.out, HasSubstr(std::string("= 2*") + count + ","));
  }
  EXPECT_THAT(done.out, HasSubstr("\ngpt2-xl parameters,"));
  EXPECT_THAT(done.out, Not(HasSubstr("llama-6b")));
}

TEST(CliMemory, AModelMayBeAMapping) {
  const Finished done = Workplace().run(
      {"memory", "--model", "{preset: llama-7b, layers: 1}", "--kv", "int8", "--format", "csv"});
  EXPECT_EQ(done.status, 0);
  EXPECT_THAT(done.out, HasSubstr("\nkv_per_token,2*l*r = 2*1*4160,8320\n"));
  const Finished huge =
      Workplace().run({"memory", "--model", "{preset: gpt3-175b, layers: 200}", "--format", "csv"});
  EXPECT_EQ(huge.status, 0) << huge.err;
}

TEST(CliMemory, SaysWhichOptionIsWrong) {
  const auto refused = [](std::vector<std::string> options) {
    options.insert(options.begin(), "memory");
    const Finished done = Workplace().run(options);
    EXPECT_EQ(done.out, "");
    EXPECT_EQ(done.status, 64) << done.err;
    return done.err;
  };
  EXPECT_THAT(refused({"--model", "gpt3"}), HasSubstr("unknown preset 'gpt3'"));
  EXPECT_THAT(refused({"--model", "gpt2", "--gpu", "t5"}), HasSubstr("'t4'"));
  EXPECT_THAT(refused({"--model", "gpt2", "--kv", "fp17"}), HasSubstr("--kv is one of fp32,"));
  EXPECT_THAT(refused({"--model", "gpt2", "--format", "xml"}), HasSubstr("table, csv, json"));
  EXPECT_THAT(refused({"--model", "gpt2", "--batch", "0"}), HasSubstr("--batch needs a whole"));
  EXPECT_THAT(refused({"--model", "gpt2", "--output", "0"}), HasSubstr("--output needs a whole"));
  EXPECT_THAT(refused({"--model", "gpt2", "--tensor", "2"}), HasSubstr("needs --training"));
  EXPECT_THAT(refused({"--batch", "2"}), HasSubstr("--batch needs --model"));
  EXPECT_THAT(refused({"--model", "gpt3-175b", "--batch", "1048576", "--prompt", "268435456"}),
              HasSubstr("64 bits"));
}

}  // namespace
}  // namespace tessera::test
