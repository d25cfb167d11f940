// What YAML allows and a scenario does not, each with its place: the traps of yaml-cpp among them.
#include <gtest/gtest.h>

#include <string>

#include "sim/config/document.hpp"
#include "tessera/config/load.hpp"

namespace tessera {
namespace {

// Every diagnostic of a scenario that must not load, a line each.
std::string problems_of(const std::string& text) {
  try {
    (void)ScenarioText(text, "s.yaml", "").load({});
  } catch (const BadInput& bad) {
    return bad.what();
  }
  return "no problem";
}

TEST(ConfigYaml, ACommaIsNoDocumentAndDoesNotHang) {
  EXPECT_EQ(problems_of(","),
            "s.yaml:1:1: error: expected one document, but a second one, or text that belongs to "
            "none, starts here");
  EXPECT_EQ(problems_of("{model: gpt2},"),
            "s.yaml:1:14: error: expected one document, but a second one, or text "
            "that belongs to none, starts here");
}

TEST(ConfigYaml, ASecondDocumentIsRefused) {
  EXPECT_EQ(problems_of("model: gpt2\n---\nmodel: llama-7b\n"),
            "s.yaml:2:1: error: expected one document, but a second one, or text that belongs to "
            "none, starts here");
}

TEST(ConfigYaml, AnEmptyFileIsSaidToBeEmpty) {
  const std::string empty =
      "s.yaml:1:1: error: the scenario is empty; it needs a 'model' at the least";
  EXPECT_EQ(problems_of(""), empty);
  EXPECT_EQ(problems_of("# nothing\n"), empty);
  EXPECT_EQ(problems_of("~"), empty);
}

TEST(ConfigYaml, AQuoteMustEnd) {
  EXPECT_EQ(problems_of("name: \"open\nmodel: gpt2\n"),
            "s.yaml:1:7: error: a quote that was opened is never closed");
  EXPECT_EQ(problems_of("model: gpt2\nname: 'it''s\nseed: 3\n"),
            "s.yaml:2:7: error: a quote that was opened is never closed");
  EXPECT_EQ(problems_of("model: gpt2\nname: 'it''s'\n"), "no problem");
  EXPECT_EQ(problems_of("model: gpt2\nname: \"a \\\" b\"\n"), "no problem");
  EXPECT_NE(problems_of("name: \"open").find("a quote that was opened is never closed"),
            std::string::npos);
  EXPECT_NE(problems_of("name: 'open").find("a quote that was opened is never closed"),
            std::string::npos);
}

TEST(ConfigYaml, AnUnclosedBracketIsReportedWhereItOpens) {
  EXPECT_EQ(problems_of("model: gpt2\nengine: {memory: [1\n"),
            "s.yaml:2:18: error: this bracket is never closed");
}

TEST(ConfigYaml, DuplicateKeysAreErrors) {
  EXPECT_EQ(problems_of("model: gpt2\nseed: 1\nmodel: gpt2\n"),
            "s.yaml:3:1: error: duplicate key 'model', given on line 1 already");
  EXPECT_EQ(problems_of("model: gpt2\nprecision: {weights: fp16, weights: int8}\n"),
            "s.yaml:2:28: error: duplicate key 'weights', given on line 2 already");
}

TEST(ConfigYaml, MergeKeysAnchorsAliasesAndTagsAreRefused) {
  EXPECT_EQ(problems_of("model: gpt2\n<<: {seed: 1}\n"),
            "s.yaml:2:1: error: merge keys ('<<') are not supported; write the keys out");
  EXPECT_EQ(problems_of("model: &m gpt2\nname: *m\n"),
            "s.yaml:1:8: error: anchors ('&m') are not supported; write the value out\n"
            "s.yaml:2:7: error: aliases ('*') are not supported; write the value out");
  EXPECT_EQ(problems_of("model: gpt2\nseed: !!int 5\n"),
            "s.yaml:2:7: error: tags ('!') are not supported; leave it out");
}

TEST(ConfigYaml, KeysAreNames) {
  EXPECT_EQ(problems_of("model: gpt2\n[a]: 1\n"),
            "s.yaml:2:1: error: a key must be a name, not a list");
  EXPECT_EQ(problems_of("model: gpt2\n~: 1\n"),
            "s.yaml:2:1: error: a key must be a name, not nothing");
}

TEST(ConfigYaml, AMissingValueIsReportedAtItsKey) {
  EXPECT_EQ(problems_of("model: gpt2\nseed:\nname: x\n"),
            "s.yaml:2:1: error: seed has no value; leave the key out for its default");
  EXPECT_EQ(problems_of("model:\n"), "s.yaml:1:1: error: model has no value");
  EXPECT_EQ(problems_of("model: gpt2\nengine: {policy: null}\n"),
            "s.yaml:2:10: error: engine.policy has no value");
}

TEST(ConfigYaml, NullIsForOptionalSettings) {
  const ScenarioText text(
      "model: gpt2\nslo: null\nengine: {max_model_len: ~}\noutput: {memory: null}\n", "s.yaml", "");
  const Scenario scenario = text.load({}).scenario;
  EXPECT_FALSE(scenario.slo);
  EXPECT_FALSE(scenario.output.memory);
  EXPECT_EQ(scenario.max_model_len(), Tokens{1024});
}

TEST(ConfigYaml, NumbersAreReadStrictly) {
  const auto seed = [](const std::string& value) {
    return problems_of("model: gpt2\nseed: " + value + "\n");
  };
  const std::string at = "s.yaml:2:7: error: seed: ";
  EXPECT_EQ(seed("010"),
            at + "'010' starts with a zero, which some readers take for octal; write it without");
  EXPECT_EQ(seed("1.5"), at + "expected a whole number, got '1.5'");
  EXPECT_EQ(seed("1e3"), at + "expected a whole number, got '1e3'");
  EXPECT_EQ(seed("0x10"), at + "expected a whole number, got '0x10'");
  EXPECT_EQ(seed("1_000"), at + "expected a whole number, got '1_000'; write it without '_'");
  EXPECT_EQ(seed("'5'"), at + "expected a whole number, got '5' in quotes; remove the quotes");
  EXPECT_EQ(seed("five"), at + "expected a whole number, got 'five'");
  EXPECT_EQ(seed("16 tokens"), at + "expected a whole number, got '16 tokens'; it takes no unit");
  EXPECT_EQ(seed("-1"), at + "expected a whole number that is not negative, got '-1'");
  EXPECT_EQ(seed("18446744073709551616"), at + "'18446744073709551616' is too large for a whole "
                                               "number; the greatest is 18446744073709551615");
  EXPECT_EQ(seed("18446744073709551615"), "no problem");
}

TEST(ConfigYaml, OnlyFiniteNumbersAreNumbers) {
  const auto share = [](const std::string& value) {
    return problems_of("model: gpt2\nengine: {memory: {utilization: " + value + "}}\n");
  };
  const std::string at = "s.yaml:2:32: error: engine.memory.utilization: ";
  EXPECT_EQ(share(".nan"), at + "expected a number, got '.nan'; only finite numbers are allowed");
  EXPECT_EQ(share("-.inf"), at + "expected a number, got '-.inf'; only finite numbers are allowed");
  EXPECT_EQ(share("1e999"), at + "'1e999' is beyond what a number can hold");
  EXPECT_EQ(share("1e-999"), at + "'1e-999' is beyond what a number can hold");
  EXPECT_EQ(share("1e99999999999"), at + "'1e99999999999' is beyond what a number can hold");
  EXPECT_EQ(share(".5"), at + "expected a number, got '.5'; write it as -1.5, 0.5 or 3");
  EXPECT_EQ(share("+0.5"), at + "expected a number, got '+0.5'; write it as -1.5, 0.5 or 3");
  EXPECT_EQ(share("0"), at + "must be more than 0 and at most 1, got 0");
  EXPECT_EQ(share("1.5"), at + "must be more than 0 and at most 1, got 1.5");
  EXPECT_EQ(share("'0.5'"), at + "expected a number, got '0.5' in quotes; remove the quotes");
}

TEST(ConfigYaml, BooleansAreTrueAndFalse) {
  const auto flag = [](const std::string& value) {
    return problems_of("model: gpt2\noutput: {steps: " + value + "}\n");
  };
  const std::string at = "s.yaml:2:17: error: output.steps: ";
  EXPECT_EQ(flag("yes"), at + "expected true or false, got 'yes'; write true");
  EXPECT_EQ(flag("off"), at + "expected true or false, got 'off'; write false");
  EXPECT_EQ(flag("True"), at + "expected true or false, got 'True'; write true");
  EXPECT_EQ(flag("1"), at + "expected true or false, got '1'");
  EXPECT_EQ(flag("'true'"), at + "expected true or false, got 'true' in quotes; remove the quotes");
  EXPECT_EQ(flag("true"), "no problem");
}

TEST(ConfigYaml, ColumnsCountCharactersNotBytes) {
  EXPECT_EQ(problems_of("{name: \"é µ\", seed: x, model: gpt2}\n"),
            "s.yaml:1:21: error: seed: expected a whole number, got 'x'");
}

TEST(ConfigYaml, OnlyTextIsText) {
  const std::string expected = "expected text in UTF-8, found another byte or a control character";
  EXPECT_EQ(problems_of("model: gpt2\nname: \xff\n"), "s.yaml:2:7: error: " + expected);
  EXPECT_EQ(problems_of("model: gpt2\nname: a\x04\n"), "s.yaml:2:8: error: " + expected);
  EXPECT_EQ(problems_of(std::string("m\0o\0", 4)), "s.yaml:1:2: error: " + expected);
  EXPECT_EQ(problems_of("\xff\xfem"), "s.yaml:1:1: error: " + expected);
  EXPECT_EQ(problems_of("model: gpt2\nname: \"\\0\"\n"),
            "s.yaml:2:7: error: this text holds a character that is not allowed");
  EXPECT_EQ(problems_of("model: gpt2\nname: \"a\\nb\"\n"),
            "s.yaml:2:7: error: name: expected text on one line, got 'a b'");
}

TEST(ConfigYaml, WindowsLineEndsAndAByteOrderMarkAreFine) {
  EXPECT_EQ(problems_of("\xef\xbb\xbfmodel: gpt2\r\nseed: 3\r\n"), "no problem");
  EXPECT_EQ(problems_of("model: gpt2\r\nseed: x\r\n"),
            "s.yaml:2:7: error: seed: expected a whole number, got 'x'");
}

TEST(ConfigYaml, DeepAndLongTextEndsWithAMessage) {
  for (const char* piece : {"[", "{", "- ", "{a: ", "[{", "? "}) {
    std::string text;
    while (text.size() < 100'000) {
      text += piece;
    }
    EXPECT_NE(problems_of(text), "no problem") << piece;
  }
  EXPECT_NE(problems_of(std::string(200'000, '[')).find("nested too deeply"), std::string::npos);
  std::string many = "sweep: {seed: [";
  for (int i = 0; i < 110'000; ++i) {
    many += "1,";
  }
  EXPECT_NE(problems_of(many + "1]}").find("too long: more than 100000 values"), std::string::npos);
  EXPECT_NE(problems_of(std::string(2'000'000, '#')).find("too long: more than 262144 bytes"),
            std::string::npos);
}

TEST(ConfigYaml, EveryProblemIsReportedAtOnceInOrderOfPlace) {
  EXPECT_EQ(
      problems_of(
          "model: gpt2\n"
          "engine: {memory: {utilization: 2}, policy: {max_num_seq: 4}, kv_cache: {block_size: "
          "0}}\n"
          "seed: x\n"
          "workload: {arrivals: {rate: 10}, prompt_tokens: {kind: uniform, min: 5, max: 2}}\n"),
      "s.yaml:2:32: error: engine.memory.utilization: must be more than 0 and at most 1, got 2\n"
      "s.yaml:2:45: error: unknown key 'max_num_seq' in engine.policy (kind vllm_v1); did you mean "
      "'max_num_seqs'?\n"
      "s.yaml:2:85: error: engine.kv_cache.block_size: must be at least 1 and at most 65536, got "
      "0\n"
      "s.yaml:3:7: error: seed: expected a whole number, got 'x'\n"
      "s.yaml:4:29: error: workload.arrivals.rate: expected a rate with a unit such as '2.5 /s', "
      "got '10'; write '10 /s'\n"
      "s.yaml:4:65: error: workload.prompt_tokens.min: the shortest length (5) is above the "
      "longest (2)");
}

}  // namespace
}  // namespace tessera
