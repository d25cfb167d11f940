// Verbs, options, help: what the program says to somebody who is finding out.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cli/program_under_test.hpp"

namespace tessera::test {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

TEST(CliUsage, WithoutArgumentsItSaysWhatItCanDo) {
  const Workplace place;
  const Finished alone = place.run({});
  EXPECT_EQ(alone.status, 0);
  EXPECT_EQ(alone.err, "");
  for (const char* verb :
       {"run", "sweep", "merge", "validate", "memory", "replay", "list", "schema"}) {
    EXPECT_THAT(alone.out, HasSubstr(std::string("\n  ") + verb + " "));
  }
  std::size_t examples = 0;
  for (std::size_t at = 0; (at = alone.out.find("\n  tessera ", at)) != std::string::npos; ++at) {
    ++examples;
  }
  EXPECT_EQ(examples, 3U);
  EXPECT_EQ(place.run({"--help"}).out, alone.out);
  EXPECT_EQ(place.run({"--help"}).status, 0);
}

TEST(CliUsage, VersionNamesTheBuild) {
  const Finished version = Workplace().run({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_THAT(version.out, MatchesRegex("tessera 0\\.1\\.0 \\([0-9a-z-]+\\)\n"));
}

TEST(CliUsage, EveryVerbExplainsItselfWithExamples) {
  for (const char* verb :
       {"run", "sweep", "merge", "validate", "memory", "replay", "list", "schema"}) {
    const Finished help = Workplace().run({verb, "--help"});
    EXPECT_EQ(help.status, 0) << verb;
    EXPECT_THAT(help.out, StartsWith(std::string("Usage: tessera ") + verb));
    EXPECT_THAT(help.out, HasSubstr(std::string("\nExamples:\n  tessera ") + verb));
    EXPECT_EQ(help.err, "");
  }
}

TEST(CliUsage, UnknownVerbsAreSuggestedTheNearestOne) {
  const Finished typo = Workplace().run({"swep", "x.yaml"});
  EXPECT_EQ(typo.status, 64);
  EXPECT_EQ(typo.out, "");
  EXPECT_THAT(typo.err, HasSubstr("unknown verb 'swep'; did you mean 'sweep'?"));

  const Finished nonsense = Workplace().run({"frobnicate"});
  EXPECT_EQ(nonsense.status, 64);
  EXPECT_THAT(nonsense.err, HasSubstr("unknown verb 'frobnicate'"));

  const Finished option = Workplace().run({"--versio"});
  EXPECT_EQ(option.status, 64);
  EXPECT_THAT(option.err, HasSubstr("did you mean '--version'?"));
}

TEST(CliUsage, UnknownOptionsAreSuggestedTheNearestOne) {
  const Finished typo = Workplace().run({"run", "--requets", "5"});
  EXPECT_EQ(typo.status, 64);
  EXPECT_THAT(typo.err, HasSubstr("unknown option '--requets'; did you mean '--requests'?"));
  // An abbreviation is a different word, not a guess.
  const Finished abbreviated = Workplace().run({"run", "--request", "5"});
  EXPECT_EQ(abbreviated.status, 64);
  EXPECT_EQ(Workplace().run({"run", "-x"}).status, 64);
}

TEST(CliUsage, MissingAndExtraArgumentsAreRefused) {
  EXPECT_EQ(Workplace().run({"validate"}).status, 64);
  EXPECT_EQ(Workplace().run({"run", "a.yaml", "b.yaml"}).status, 64);
  EXPECT_EQ(Workplace().run({"schema", "x"}).status, 64);
  EXPECT_EQ(Workplace().run({"run", "--set"}).status, 64);
  EXPECT_EQ(Workplace().run({"run", "-o"}).status, 64);
  EXPECT_EQ(Workplace().run({"run", "-o", ""}).status, 64);
  EXPECT_EQ(Workplace().run({"run", "--seed", "1", "--seed", "2"}).status, 64);
  EXPECT_EQ(Workplace().run({"run", "--force"}).status, 64);
}

TEST(CliUsage, NumbersOfOptionsHaveRanges) {
  Workplace place;
  place.write("small.yaml", small_scenario());
  for (const char* jobs : {"0", "-1", "1.5", "nan", "two", "", "99999999999999999999", "0x2"}) {
    const Finished refused = place.run({"sweep", "small.yaml", "--vary", "seed=1,2", "-j", jobs});
    EXPECT_EQ(refused.status, 64) << jobs;
    EXPECT_THAT(refused.err, HasSubstr("--jobs needs a whole number from 1")) << jobs;
    EXPECT_EQ(refused.out, "");
  }
  for (const char* seed : {"-1", "nan", "1.5", "99999999999999999999", "010x"}) {
    const Finished refused = place.run({"run", "small.yaml", "--seed", seed});
    EXPECT_EQ(refused.status, 65) << seed;
    EXPECT_EQ(refused.out, "");
  }
  for (const char* rate : {"-1", "0", "nan", "inf", "1e400", "fast"}) {
    EXPECT_EQ(place.run({"run", "small.yaml", "--rate", rate}).status, 65) << rate;
  }
}

TEST(CliUsage, ListNamesWhatScenariosMayUse) {
  EXPECT_THAT(Workplace().run({"list", "gpus"}).out, HasSubstr("\nt4 "));
  EXPECT_THAT(Workplace().run({"list", "models"}).out, HasSubstr("\nllama-7b "));
  EXPECT_THAT(Workplace().run({"list", "policies"}).out, HasSubstr("\nvllm_v1 "));
  EXPECT_THAT(Workplace().run({"list", "kv_managers"}).out, HasSubstr("\npaged "));
  EXPECT_THAT(Workplace().run({"list", "allocators"}).out, HasSubstr("\ncuda_caching "));
  EXPECT_THAT(Workplace().run({"list", "traces"}).out, HasSubstr("\nazure "));
  EXPECT_EQ(Workplace().run({"list"}).status, 0);
  const Finished typo = Workplace().run({"list", "gpu"});
  EXPECT_EQ(typo.status, 64);
  EXPECT_THAT(typo.err, HasSubstr("did you mean 'gpus'?"));
}

TEST(CliUsage, TheSchemaIsJson) {
  const Finished schema = Workplace().run({"schema"});
  EXPECT_EQ(schema.status, 0);
  EXPECT_THAT(schema.out, StartsWith("{"));
  EXPECT_THAT(schema.out, HasSubstr("https://json-schema.org/draft/2020-12/schema"));
}

TEST(CliUsage, AFullStandardOutputIsAnError) {
  const Finished full = Workplace().run({"schema"}, {.stdout_path = "/dev/full"});
  EXPECT_EQ(full.status, 74);
  EXPECT_THAT(full.err, HasSubstr("standard output"));
}

}  // namespace
}  // namespace tessera::test
