// tessera run and validate: answers, files, and what bad input gets.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/cli/program_under_test.hpp"

namespace tessera::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class CliRun : public ::testing::Test {
 protected:
  CliRun() { place.write("small.yaml", small_scenario()); }

  // The entries of the working folder besides the scenario: nothing may be left by a failure.
  std::vector<std::string> left_behind() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(place.path())) {
      if (entry.path().filename() != "small.yaml") {
        names.push_back(entry.path().filename());
      }
    }
    return names;
  }

  Workplace place;
};

TEST_F(CliRun, OpensWithTheMemoryAndEndsWithTheAnswer) {
  const Finished run = place.run({"run", "small.yaml"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.out,
              AllOf(HasSubstr("Available KV cache memory: "), HasSubstr("GPU KV cache size: "),
                    ContainsRegex("Maximum concurrency for 2,048 tokens per request: "
                                  "[0-9]+\\.[0-9][0-9]x \\(")));
  EXPECT_THAT(run.out, ContainsRegex("\n[0-9.,]+ requests/s, [0-9.,]+ output tokens/s: 40 of 40 "
                                     "requests finished in [0-9.]+ s\n"));
  for (const char* latency : {"TTFT", "TPOT", "ITL", "E2EL"}) {
    EXPECT_THAT(run.out, HasSubstr(std::string("\n") + latency));
  }
  EXPECT_TRUE(left_behind().empty()) << "without -o nothing is written";
}

TEST_F(CliRun, NeedsNoScenarioFile) {
  const Finished run =
      place.run({"run", "--gpu", "t4", "--model", "opt-2.7b", "--rate", "2", "--requests", "20"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("20 of 20 requests finished"));
}

TEST_F(CliRun, ShortcutsEqualTheirSettings) {
  const Finished shortcut = place.run({"run", "small.yaml", "--rate", "3", "--seed", "5",
                                       "--requests", "30", "--model", "opt-1.3b"});
  const Finished set =
      place.run({"run", "small.yaml", "--set", "workload.arrivals.rate=3 /s", "--set", "seed=5",
                 "--set", "workload.requests=30", "--set", "model=opt-1.3b"});
  EXPECT_EQ(shortcut.status, 0) << shortcut.err;
  EXPECT_EQ(shortcut.out, set.out);
}

TEST_F(CliRun, WritesTheFilesOfARun) {
  const Finished run = place.run({"run", "small.yaml", "-o", "out/a"});
  ASSERT_EQ(run.status, 0) << run.err;
  const auto files = place.files_below("out/a");
  for (const char* file : {"summary.csv", "summary.json", "requests.csv", "timeseries.csv",
                           "memory.csv", "scenario.resolved.yaml", "manifest.json"}) {
    EXPECT_THAT(files, Contains(file));
  }
  EXPECT_THAT(files, Not(Contains("iterations.csv")));
  EXPECT_THAT(run.out, HasSubstr("out/a"));
  EXPECT_THAT(left_behind(), ::testing::ElementsAre("out"));
}

TEST_F(CliRun, TwiceTheSameGivesTheSameBytes) {
  const std::vector<std::string> all{"--set", "output.iterations=true",
                                     "--set", "output.steps=true",
                                     "--set", "output.request_kv=true"};
  for (const char* folder : {"a", "b"}) {
    std::vector<std::string> arguments{"run", "small.yaml", "-o", folder};
    arguments.insert(arguments.end(), all.begin(), all.end());
    const Finished run = place.run(arguments);
    ASSERT_EQ(run.status, 0) << run.err;
  }
  const auto files = place.files_below("a");
  EXPECT_EQ(files, place.files_below("b"));
  EXPECT_THAT(files, Contains("iterations.csv"));
  for (const std::string& file : files) {
    if (file != "manifest.json") {
      EXPECT_EQ(place.read("a/" + file), place.read("b/" + file)) << file;
    }
  }
}

TEST_F(CliRun, TheResolvedScenarioRunsToTheSameBytes) {
  ASSERT_EQ(place.run({"run", "small.yaml", "-o", "a"}).status, 0);
  const Finished again = place.run({"run", "a/scenario.resolved.yaml", "-o", "b"});
  ASSERT_EQ(again.status, 0) << again.err;
  for (const char* file : {"requests.csv", "summary.csv", "memory.csv", "scenario.resolved.yaml"}) {
    EXPECT_EQ(place.read(fs::path("a") / file), place.read(fs::path("b") / file)) << file;
  }
}

TEST_F(CliRun, AMissingOrUnreadableScenarioIs66) {
  const Finished missing = place.run({"run", "nowhere.yaml", "-o", "out"});
  EXPECT_EQ(missing.status, 66);
  EXPECT_THAT(missing.err, HasSubstr("nowhere.yaml"));
  EXPECT_EQ(place.run({"run", "."}).status, 66) << "a folder is not a scenario";
  EXPECT_EQ(place.run({"validate", "nowhere.yaml"}).status, 66);
  EXPECT_EQ(place.run({"sweep", "nowhere.yaml", "--vary", "seed=1"}).status, 66);
  if (geteuid() != 0) {
    fs::permissions(place.path() / "small.yaml", fs::perms::none);
    EXPECT_EQ(place.run({"run", "small.yaml"}).status, 66);
  }
  EXPECT_TRUE(left_behind().empty());
}

TEST_F(CliRun, AMissingTraceIs66AndLeavesNothing) {
  const Finished missing = place.run({"run", "small.yaml", "-o", "out", "--set",
                                      "workload.arrivals={kind: trace, file: no-such-trace.csv}"});
  EXPECT_EQ(missing.status, 66) << missing.err;
  EXPECT_THAT(missing.err, HasSubstr("no-such-trace.csv"));
  EXPECT_TRUE(left_behind().empty());
}

TEST_F(CliRun, ABadTraceIs65WithItsLineAndLeavesNothing) {
  place.write("bad.csv",
              "TIMESTAMP,ContextTokens,GeneratedTokens\n"
              "2023-11-16 18:15:46.6805900,374,44\n"
              "2023-11-16 18:15:50.9951690,many,109\n");
  const Finished bad = place.run(
      {"run", "small.yaml", "-o", "out", "--set", "workload.arrivals={kind: trace, file: bad.csv}",
       "--set", "workload.prompt_tokens=null", "--set", "workload.output_tokens=null"});
  EXPECT_EQ(bad.status, 65) << bad.err;
  EXPECT_THAT(bad.err, HasSubstr("bad.csv:3"));
  EXPECT_FALSE(fs::exists(place.path() / "out"));
}

TEST_F(CliRun, AnExistingFolderIs73AndKept) {
  ASSERT_EQ(place.run({"run", "small.yaml", "-o", "out"}).status, 0);
  const std::string before = place.read("out/summary.csv");
  const Finished refused = place.run({"run", "small.yaml", "--seed", "99", "-o", "out"});
  EXPECT_EQ(refused.status, 73);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("out"), HasSubstr("--force")));
  EXPECT_EQ(place.read("out/summary.csv"), before);
  const Finished forced = place.run({"run", "small.yaml", "--seed", "99", "-o", "out", "--force"});
  EXPECT_EQ(forced.status, 0) << forced.err;
  EXPECT_NE(place.read("out/summary.csv"), before);
}

TEST_F(CliRun, AFolderThatCannotBeMadeIs74) {
  const Finished below_a_file = place.run({"run", "small.yaml", "-o", "small.yaml/out"});
  EXPECT_EQ(below_a_file.status, 74) << below_a_file.err;
  EXPECT_THAT(below_a_file.err, HasSubstr("small.yaml"));
  EXPECT_EQ(place.run({"run", "small.yaml", "-o", "/proc/tessera/out"}).status, 74);
  EXPECT_TRUE(left_behind().empty());
}

TEST_F(CliRun, AFullDiskIs74AndLeavesNothing) {
  const Finished full = place.run({"run", "small.yaml", "--requests", "2000", "-o", "out"},
                                  {.stdout_path = "", .file_size_limit = 20'000});
  EXPECT_EQ(full.status, 74) << full.err;
  EXPECT_NE(full.err, "");
  EXPECT_TRUE(left_behind().empty());
}

TEST_F(CliRun, APathOfSetThatDoesNotExistIs64) {
  const Finished typo = place.run({"run", "small.yaml", "--set", "engine.policy.max_num_seq=4"});
  EXPECT_EQ(typo.status, 64);
  EXPECT_THAT(typo.err, HasSubstr("max_num_seqs"));
  EXPECT_EQ(place.run({"run", "small.yaml", "--set", "novalue"}).status, 64);
  EXPECT_EQ(place.run({"validate", "small.yaml", "--set", "no.such.path=1"}).status, 64);
}

TEST_F(CliRun, BadValuesAre65) {
  for (const char* setting :
       {"engine.policy.max_num_seqs=0", "engine.policy.max_num_seqs=many",
        "engine.policy.max_num_seqs=1.5", "engine.memory.utilization=.nan",
        "engine.memory.utilization=1.5", "engine.kv_cache.kind=pagd", "hardware.gpu=t5",
        "model=lama-7b", "workload.arrivals.rate=2 apples", "seed=[1", "workload.requests=-3"}) {
    const Finished bad = place.run({"run", "small.yaml", "-o", "out", "--set", setting});
    EXPECT_EQ(bad.status, 65) << setting << "\n" << bad.err;
    EXPECT_THAT(bad.err, HasSubstr("error: ")) << setting;
    EXPECT_EQ(bad.out, "") << setting;
  }
  EXPECT_TRUE(left_behind().empty());
}

TEST_F(CliRun, AModelThatDoesNotFitIs65WithTheMissingBytes) {
  const Finished large = place.run({"run", "small.yaml", "--set", "model=llama-65b"});
  EXPECT_EQ(large.status, 65) << large.err;
  EXPECT_THAT(large.err, ContainsRegex("[0-9]"));
}

TEST_F(CliRun, ValidateSaysEverythingAtOnce) {
  place.write("bad.yaml",
              "hardware: {gpu: t5}\nmodel: llama-7b\nengin: {}\nworkload:\n  requests: -1\n");
  const Finished bad = place.run({"validate", "bad.yaml"});
  EXPECT_EQ(bad.status, 65);
  EXPECT_EQ(bad.out, "");
  EXPECT_THAT(bad.err, AllOf(HasSubstr("bad.yaml:1:"), HasSubstr("bad.yaml:3:1: error: "),
                             HasSubstr("'engine'"), HasSubstr("bad.yaml:5:")));

  const Finished good = place.run({"validate", "small.yaml"});
  EXPECT_EQ(good.status, 0) << good.err;
  EXPECT_THAT(good.out, StartsWith("small.yaml: valid\n"));
  EXPECT_EQ(std::count(good.out.begin(), good.out.end(), '\n'), 4) << good.out;
}

TEST_F(CliRun, ValidateChecksThePointsOfASweep) {
  place.write("swept.yaml", small_scenario() + "sweep: {engine.policy.max_num_seqs: [1, 0, 4]}\n");
  const Finished bad = place.run({"validate", "swept.yaml"});
  EXPECT_EQ(bad.status, 65);
  EXPECT_THAT(bad.err, HasSubstr("max_num_seqs"));
}

TEST_F(CliRun, RejectedRequestsAreResults) {
  const Finished run =
      place.run({"run", "small.yaml", "--set",
                 "workload.prompt_tokens={kind: lognormal, median: 900, sigma: 1}"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.out, ContainsRegex("rejected"));
}

}  // namespace
}  // namespace tessera::test
