// tessera sweep: the grid, its order, its files, and points that fail.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <sstream>
#include <thread>

#include "tests/cli/program_under_test.hpp"

namespace tessera::test {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::vector<std::string> lines_in(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

// The first `fields` cells of each line. Only for tables without quoted cells.
std::vector<std::string> first_cells(const std::string& csv, int fields) {
  std::vector<std::string> starts;
  for (const std::string& line : lines_in(csv)) {
    std::size_t end = 0;
    for (int i = 0; i < fields && end != std::string::npos; ++i) {
      end = line.find(',', i == 0 ? 0 : end + 1);
    }
    starts.push_back(line.substr(0, end));
  }
  return starts;
}

class CliSweep : public ::testing::Test {
 protected:
  CliSweep() { place.write("small.yaml", small_scenario()); }
  Workplace place;
};

TEST_F(CliSweep, RowsAreTheGridWithTheLastAxisFastest) {
  const Finished sweep =
      place.run({"sweep", "small.yaml", "--vary", "engine.policy.max_num_seqs=8,2", "--vary",
                 "seed=5,6,7", "-o", "out", "-j", "2"});
  ASSERT_EQ(sweep.status, 0) << sweep.err;
  EXPECT_THAT(first_cells(place.read("out/summary.csv"), 5),
              ElementsAre("point,engine.policy.max_num_seqs,seed,status,reason", "0000,8,5,done,",
                          "0001,8,6,done,", "0002,8,7,done,", "0003,2,5,done,", "0004,2,6,done,",
                          "0005,2,7,done,"));
  const auto files = place.files_below("out");
  EXPECT_THAT(files, Contains("manifest.json"));
  EXPECT_THAT(files, Contains("runs/0003/requests.csv"));
  EXPECT_THAT(files, Contains("runs/0005/manifest.json"));
  EXPECT_THAT(files, Not(Contains("runs/0003/memory.csv"))) << "series are off in sweeps";
}

// A kind replaces its whole mapping; an axis below it must hold whichever of the two comes first.
TEST_F(CliSweep, AKindDoesNotWipeAnAxisBelowIt) {
  const std::string limit = "engine.policy.max_num_seqs=1,2";
  const std::string kind = "engine.policy.kind=vllm_v1,sarathi";
  for (const auto& [first, second] : {std::pair(limit, kind), std::pair(kind, limit)}) {
    const Finished sweep = place.run(
        {"sweep", "small.yaml", "--vary", first, "--vary", second, "-o", "out", "--force"});
    ASSERT_EQ(sweep.status, 0) << sweep.err;
    int ones = 0;
    for (const char* point : {"0000", "0001", "0002", "0003"}) {
      const std::string resolved =
          place.read(std::string("out/runs/") + point + "/scenario.resolved.yaml");
      ones += resolved.find("max_num_seqs: 1\n") != std::string::npos ||
                      resolved.find("max_num_seqs: 1,") != std::string::npos
                  ? 1
                  : 0;
    }
    EXPECT_EQ(ones, 2);
  }
}

TEST_F(CliSweep, ThreadsDoNotChangeAByte) {
  for (const char* jobs : {"1", "2", "5"}) {
    const Finished sweep =
        place.run({"sweep", "small.yaml", "--vary", "seed=1,2,3,4", "--vary",
                   "engine.kv_cache={kind: contiguous, reserve: max},{kind: paged}", "-j", jobs,
                   "-o", std::string("out") + jobs});
    ASSERT_EQ(sweep.status, 0) << sweep.err;
  }
  const auto files = place.files_below("out1");
  EXPECT_EQ(files.size(), place.files_below("out2").size());
  for (const std::string& file : files) {
    if (fs::path(file).filename() != "manifest.json") {
      EXPECT_EQ(place.read("out1/" + file), place.read("out2/" + file)) << file;
      EXPECT_EQ(place.read("out1/" + file), place.read("out5/" + file)) << file;
    }
  }
}

TEST_F(CliSweep, APointEqualsTheRunWithItsSettings) {
  ASSERT_EQ(
      place.run({"sweep", "small.yaml", "--vary", "engine.policy.max_num_seqs=2,4", "-o", "s"})
          .status,
      0);
  ASSERT_EQ(
      place.run({"run", "small.yaml", "--set", "engine.policy.max_num_seqs=4", "-o", "r"}).status,
      0);
  EXPECT_EQ(place.read("s/runs/0001/requests.csv"), place.read("r/requests.csv"));
  EXPECT_EQ(place.read("s/runs/0001/summary.csv"), place.read("r/summary.csv"));
}

TEST_F(CliSweep, TheFilesAxesAreUsedReplacedAndExtended) {
  place.write("swept.yaml", small_scenario() +
                                "sweep:\n  engine.policy.max_num_seqs: [1, 2]\n  seed: [8, 9]\n"
                                "output: {timeseries: {every: 5 s}}\n");
  ASSERT_EQ(place.run({"sweep", "swept.yaml", "-o", "a"}).status, 0);
  EXPECT_THAT(first_cells(place.read("a/summary.csv"), 3),
              ElementsAre("point,engine.policy.max_num_seqs,seed", "0000,1,8", "0001,1,9",
                          "0002,2,8", "0003,2,9"));
  EXPECT_THAT(place.files_below("a"), Contains("runs/0000/timeseries.csv"))
      << "asked for by the file";
  EXPECT_THAT(place.files_below("a"), Not(Contains("runs/0000/memory.csv")));
  ASSERT_EQ(place
                .run({"sweep", "swept.yaml", "-o", "b", "--vary", "engine.policy.max_num_seqs=4",
                      "--vary", "workload.requests=10,20"})
                .status,
            0);
  EXPECT_THAT(first_cells(place.read("b/summary.csv"), 4),
              ElementsAre("point,engine.policy.max_num_seqs,seed,workload.requests", "0000,4,8,10",
                          "0001,4,8,20", "0002,4,9,10", "0003,4,9,20"));
}

TEST_F(CliSweep, WithoutAFolderTheTableIsOnStdout) {
  const Finished sweep = place.run({"sweep", "small.yaml", "--vary", "seed=1,2"});
  ASSERT_EQ(sweep.status, 0) << sweep.err;
  EXPECT_THAT(sweep.out, AllOf(HasSubstr("seed"), HasSubstr("requests/s"), HasSubstr("TTFT p99"),
                               HasSubstr("* highest request_throughput")));
  EXPECT_EQ(sweep.err, "") << "no progress bar without a terminal";
  EXPECT_THAT(sweep.out, Not(HasSubstr("\033"))) << "no colours without a terminal";
}

TEST_F(CliSweep, PointsThatCannotRunAreListedAndTheRestRuns) {
  const Finished sweep =
      place.run({"sweep", "small.yaml", "--vary", "engine.policy.max_num_seqs=2,0,4", "-o", "out"});
  EXPECT_EQ(sweep.status, 2);
  EXPECT_THAT(sweep.err, AllOf(HasSubstr("point 0001"), HasSubstr("engine.policy.max_num_seqs=0")));
  const auto rows = lines_in(place.read("out/summary.csv"));
  ASSERT_EQ(rows.size(), 4U);
  EXPECT_THAT(rows[1], StartsWith("0000,2,done,"));
  EXPECT_THAT(rows[2], StartsWith("0001,0,failed,"));
  EXPECT_THAT(rows[2], HasSubstr("max_num_seqs"));
  EXPECT_THAT(rows[3], StartsWith("0002,4,done,"));
  EXPECT_FALSE(fs::exists(place.path() / "out/runs/0001"));
}

TEST_F(CliSweep, NothingRunsWhenEveryPointIsBad) {
  const Finished sweep =
      place.run({"sweep", "small.yaml", "--vary", "engine.policy.max_num_seqs=0,-1", "-o", "out"});
  EXPECT_EQ(sweep.status, 65);
  EXPECT_EQ(sweep.out, "");
  EXPECT_FALSE(fs::exists(place.path() / "out"));
}

TEST_F(CliSweep, WrongUsageIs64) {
  EXPECT_EQ(place.run({"sweep", "small.yaml"}).status, 64) << "no axis";
  EXPECT_EQ(place.run({"sweep", "small.yaml", "--vary", "seeds=1,2"}).status, 64);
  EXPECT_EQ(place.run({"sweep", "small.yaml", "--vary", "seed"}).status, 64);
  EXPECT_EQ(place.run({"sweep", "small.yaml", "--vary", "seed=1", "--vary", "seed=2"}).status, 64);
  EXPECT_EQ(place.run({"sweep", "small.yaml", "--vary", "seed=1,2", "--jobs", "0"}).status, 64);
}

TEST_F(CliSweep, ADryRunOnlyNamesThePoints) {
  const Finished dry = place.run({"sweep", "small.yaml", "--vary", "engine.policy.max_num_seqs=2,0",
                                  "--dry-run", "-o", "out"});
  EXPECT_EQ(dry.status, 2);
  EXPECT_THAT(dry.out, AllOf(HasSubstr("0000  engine.policy.max_num_seqs=2\n"),
                             HasSubstr("0001  engine.policy.max_num_seqs=0  cannot run\n"),
                             HasSubstr("2 points, 1 of them cannot run")));
  EXPECT_FALSE(fs::exists(place.path() / "out"));
}

TEST_F(CliSweep, AnExistingFolderIs73AndAFullDisk74) {
  ASSERT_EQ(place.run({"sweep", "small.yaml", "--vary", "seed=1", "-o", "out"}).status, 0);
  EXPECT_EQ(place.run({"sweep", "small.yaml", "--vary", "seed=1", "-o", "out"}).status, 73);
  EXPECT_EQ(place.run({"sweep", "small.yaml", "--vary", "seed=2", "-o", "out", "--force"}).status,
            0);
  const Finished full =
      place.run({"sweep", "small.yaml", "--vary", "seed=1,2", "--requests", "2000", "-o", "full"},
                {.stdout_path = "", .file_size_limit = 20'000});
  EXPECT_EQ(full.status, 74) << full.err;
  for (const auto& entry : fs::directory_iterator(place.path())) {
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("full")));
  }
}

TEST_F(CliSweep, AnInterruptionLeavesNothing) {
  const pid_t child = fork();
  if (child == 0) {
    // A runner in the background would have it ignored.
    signal(SIGINT, SIG_DFL);
    if (chdir(place.path().c_str()) != 0 || freopen("/dev/null", "w", stdout) == nullptr) {
      _exit(126);
    }
    execl(TESSERA_PROGRAM, TESSERA_PROGRAM, "sweep", "small.yaml", "--requests", "20000000",
          "--vary", "seed=1,2,3,4", "-o", "out", static_cast<char*>(nullptr));
    _exit(127);
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  kill(child, SIGINT);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(place.path())) {
    names.push_back(entry.path().filename());
  }
  EXPECT_THAT(names, ElementsAre("small.yaml"));
}

}  // namespace
}  // namespace tessera::test
