// tessera explain as a user calls it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/program_under_test.hpp"

namespace tessera::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

Finished explain(std::vector<std::string> options) {
  options.insert(options.begin(), "explain");
  return Workplace().run(options);
}

TEST(CliExplain, PutsTheStepWithAndWithoutTheCacheSideBySide) {
  const Finished done = explain({"--gpu", "t4", "--model", "llama-7b", "--phase", "decode",
                                 "--batch", "8", "--context", "512"});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_THAT(done.out, HasSubstr("8 sequences, 512 tokens of context each"));
  EXPECT_THAT(done.out, HasSubstr("on: GFLOP"));
  EXPECT_THAT(done.out, HasSubstr("off: GFLOP"));
  EXPECT_THAT(done.out, HasSubstr("projections 512 times, scores and values 256 times"));
  EXPECT_THAT(done.out, HasSubstr("\n  MLP  "));
  EXPECT_THAT(done.out, HasSubstr("\n  data moved  "));
  EXPECT_THAT(done.out, HasSubstr("Ridge point of the t4 in fp16: 203 FLOP/B by its data sheet"));
}

TEST(CliExplain, CsvHasARowAnOperation) {
  const Finished done = explain({"--model", "gpt2", "--context", "512", "--format", "csv"});
  EXPECT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(done.err, "");
  EXPECT_THAT(done.out,
              StartsWith("op,phase,flops,bytes,time_us,bound,layers\nembedding,decode,0,"));
  EXPECT_THAT(done.out, HasSubstr("\nqkv_proj,decode,42467328,42596352,"));
  EXPECT_THAT(done.out, HasSubstr("\nkv_write,decode,0,73728,"));
  EXPECT_THAT(done.out, HasSubstr("\nlm_head,decode,77194752,77296802,"));
  EXPECT_THAT(done.out, HasSubstr("\ntotal,decode,"));
  EXPECT_THAT(done.out, Not(HasSubstr("rope")));
}

TEST(CliExplain, WhatNoOptionSaysComesFromTheScenario) {
  const Workplace place;
  place.write("s.yaml",
              "model: llama-7b\nprecision: {weights: int8}\n"
              "workload: {prompt_tokens: {kind: fixed, tokens: 1000000}}\n");
  const Finished done = place.run({"explain", "s.yaml", "--phase", "decode", "--batch", "8",
                                   "--context", "512", "--layer", "--format", "csv"});
  EXPECT_EQ(done.status, 0) << done.err;
  // A byte a weight, and an fp16 scale an output: 12288·4096 + 2·12288, and the activations.
  EXPECT_THAT(done.out, HasSubstr("\nqkv_proj,decode,805306368,50618368,"));
  EXPECT_THAT(done.out, Not(HasSubstr("overhead,decode,0,0")));
  const Finished halves = place.run(
      {"explain", "s.yaml", "--precision", "fp16", "--batch", "8", "--layer", "--format", "csv"});
  EXPECT_THAT(halves.out, HasSubstr("\nqkv_proj,decode,805306368,100925440,"));
}

TEST(CliExplain, NothingNeedFit) {
  const Finished done = explain({"--gpu", "t4", "--model", "gpt3-175b", "--context", "100000"});
  EXPECT_EQ(done.status, 0) << done.err;
  const Finished encoder =
      explain({"--model", "bert-base", "--batch", "8", "--new-tokens", "384", "--format", "csv"});
  EXPECT_EQ(encoder.status, 0) << encoder.err;
  EXPECT_THAT(encoder.out, HasSubstr("\nqkv_proj,prefill,"));
  EXPECT_THAT(encoder.out, Not(HasSubstr("kv_write")));
}

TEST(CliExplain, OneRankHasItsShareAndTheAllReduces) {
  const Finished done = explain({"--gpu", "t4", "--model", "llama-7b", "--tp", "2", "--batch", "8",
                                 "--layer", "--format", "csv"});
  EXPECT_EQ(done.status, 0) << done.err;
  // Half of 12288 outputs: 2·8·4096·6144 FLOPs; 2·(4096·6144 + 8·(4096 + 6144)) bytes.
  EXPECT_THAT(done.out, HasSubstr("\nqkv_proj,decode,402653184,50495488,"));
  // Two sums of 8·4096 numbers over two ranks, of which each sends as much.
  EXPECT_THAT(done.out, HasSubstr("\nall_reduce,decode,0,131072,"));
  EXPECT_THAT(explain({"--model", "llama-7b", "--tp", "5"}).err, HasSubstr("--tp 5: "));
}

TEST(CliExplain, JsonHoldsBothAndTheRidge) {
  const Finished done = explain({"--model", "gpt2", "--format", "json"});
  EXPECT_EQ(done.status, 0);
  EXPECT_THAT(done.out, HasSubstr("\"sheet\": 203.125"));
  EXPECT_THAT(done.out, HasSubstr("\"on\": {"));
  EXPECT_THAT(done.out, HasSubstr("\"off\": {"));
  const Finished off = explain({"--model", "gpt2", "--format", "json", "--kv-cache", "off"});
  EXPECT_THAT(off.out, Not(HasSubstr("\"on\": {")));
}

TEST(CliExplain, SaysWhichOptionIsWrong) {
  const auto refused = [](const std::vector<std::string>& options, int status) {
    const Finished done = explain(options);
    EXPECT_EQ(done.out, "");
    EXPECT_EQ(done.status, status) << done.err;
    return done.err;
  };
  EXPECT_THAT(refused({"--phase", "decoding"}, 64), HasSubstr("prefill, decode"));
  EXPECT_THAT(refused({"--new-tokens", "5"}, 64), HasSubstr("a decode computes one"));
  EXPECT_THAT(refused({"--phase", "prefill", "--context", "5"}, 64), HasSubstr("--new-tokens"));
  EXPECT_THAT(refused({"--precision", "int8"}, 64), HasSubstr("weights=int8"));
  EXPECT_THAT(refused({"--precision", "weihgts=int8"}, 65), HasSubstr("weights"));
  EXPECT_THAT(refused({"--model", "bert-base", "--phase", "decode"}, 64), HasSubstr("encoder"));
  EXPECT_THAT(refused({"--precision", "bf16"}, 65), HasSubstr("emulates bf16"));
  EXPECT_THAT(refused({"--kv-cache", "no"}, 64), HasSubstr("on, off"));
  EXPECT_THAT(refused({"--batch", "1048576", "--context", "268435456"}, 64), HasSubstr("64 bits"));
  EXPECT_THAT(refused({"missing.yaml"}, 66), HasSubstr("missing.yaml"));
}

}  // namespace
}  // namespace tessera::test
