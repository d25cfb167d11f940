// Verbs, options, help: what the program says to somebody who is finding out.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

#include "tests/cli/program_under_test.hpp"

namespace tessera::test {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

// As the program lists them.
std::vector<std::string> all_verbs() {
  std::istringstream overview(Workplace().run({}).out);
  std::vector<std::string> verbs;
  bool listed = false;
  for (std::string line; std::getline(overview, line) && !(listed && line.empty());) {
    if (listed) {
      verbs.push_back(line.substr(2, line.find(' ', 2) - 2));
    }
    listed = listed || line == "Verbs:";
  }
  EXPECT_GE(verbs.size(), 7U);
  return verbs;
}

TEST(CliUsage, WithoutArgumentsItSaysWhatItCanDo) {
  const Workplace place;
  const Finished alone = place.run({});
  EXPECT_EQ(alone.status, 0);
  EXPECT_EQ(alone.err, "");
  for (const std::string& verb : all_verbs()) {
    EXPECT_THAT(alone.out, HasSubstr("\n  " + verb + " "));
  }
  std::size_t examples = 0;
  for (std::size_t at = 0; (at = alone.out.find("\n  tessera ", at)) != std::string::npos; ++at) {
    ++examples;
  }
  EXPECT_EQ(examples, 3U);
  EXPECT_EQ(place.run({"--help"}).out, alone.out);
  EXPECT_EQ(place.run({"help"}).out, alone.out);
  EXPECT_EQ(place.run({"--help"}).status, 0);
}

TEST(CliUsage, VersionNamesTheBuild) {
  const Finished version = Workplace().run({"--version"});
  EXPECT_EQ(version.status, 0);
  EXPECT_THAT(version.out, MatchesRegex("tessera 0\\.1\\.0 \\([0-9a-z-]+\\)\n"));
}

TEST(CliUsage, EveryVerbExplainsItselfWithExamples) {
  for (const std::string& verb : all_verbs()) {
    const Finished help = Workplace().run({verb, "--help"});
    EXPECT_EQ(help.status, 0) << verb;
    EXPECT_THAT(help.out, StartsWith("Usage: tessera " + verb));
    EXPECT_THAT(help.out, HasSubstr(verb == "completion" ? "tessera completion"
                                                         : "\nExamples:\n  tessera " + verb));
    EXPECT_EQ(help.err, "");
  }
}

TEST(CliUsage, HelpExplainsAVerb) {
  EXPECT_EQ(Workplace().run({"help", "sweep"}).out, Workplace().run({"sweep", "--help"}).out);
  const Finished typo = Workplace().run({"help", "swep"});
  EXPECT_EQ(typo.status, 64);
  EXPECT_THAT(typo.err, HasSubstr("did you mean 'sweep'?"));
}

// What the shell offers after some words, the last of which is being typed.
std::string completed(const Workplace& place, const std::string& words) {
  const std::string command =
      "cd " + place.path().string() + " && bash -c 'source tessera.bash; COMP_WORDS=(" + words +
      "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); compopt() { :; }; _tessera; "
      "echo \"${COMPREPLY[*]}\"' > completed";
  EXPECT_EQ(std::system(command.c_str()), 0) << words;
  return place.read("completed");
}

TEST(CliUsage, TheShellCompletesVerbsOptionsAndValues) {
  const Workplace place;
  const Finished script = place.run({"completion", "bash"});
  ASSERT_EQ(script.status, 0);
  place.write("tessera.bash", script.out);
  place.write("mine.yaml", "");
  EXPECT_EQ(completed(place, "tessera sw"), "sweep\n");
  EXPECT_EQ(completed(place, "tessera run --requ"), "--requests\n");
  EXPECT_EQ(completed(place, "tessera run --gpu h2"), "h200\n");
  EXPECT_EQ(completed(place, "tessera run --policy sara"), "sarathi\n");
  EXPECT_EQ(completed(place, "tessera run mi"), "mine.yaml\n");
  EXPECT_EQ(completed(place, "tessera list mod"), "models\n");
  EXPECT_EQ(completed(place, "tessera capacity --find en"), "energy\n");
  EXPECT_EQ(completed(place, "tessera sweep --vary engine.policy.max_num_s"),
            "engine.policy.max_num_seqs=\n");
  // Every verb and every option is there, for both shells.
  const std::string zsh = place.run({"completion", "zsh"}).out;
  EXPECT_THAT(zsh, StartsWith("#compdef tessera"));
  for (const std::string& verb : all_verbs()) {
    EXPECT_THAT(script.out, HasSubstr("\n    " + verb + ")\n"));
    EXPECT_THAT(zsh, HasSubstr("\n    " + verb + ")\n"));
  }
  EXPECT_EQ(place.run({"completion", "fish"}).status, 64);
}

TEST(CliUsage, TheManualDescribesEveryVerb) {
  const Finished manual = Workplace().run({"manual"});
  EXPECT_EQ(manual.status, 0);
  EXPECT_THAT(manual.out, StartsWith(".TH TESSERA 1"));
  for (const std::string& verb : all_verbs()) {
    EXPECT_THAT(manual.out, HasSubstr("\n.SS tessera " + verb));
  }
  EXPECT_THAT(manual.out, HasSubstr("\\-\\-dry\\-run\n"));
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
