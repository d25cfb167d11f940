// tessera sweep: the grid, its order, its files, and points that fail.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
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
using ::testing::UnorderedElementsAre;

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
  EXPECT_THAT(sweep.err, AllOf(HasSubstr("axis engine.policy.max_num_seqs: error: must be"),
                               Not(HasSubstr("--set"))));
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
  EXPECT_EQ(place.run({"sweep", "small.yaml", "--vary", "seed=1,2", "--resume"}).status, 64);
  EXPECT_EQ(place.run({"sweep", "small.yaml", "--vary", "seed=1,2", "--shard", "1/2"}).status, 64);
  EXPECT_EQ(
      place.run({"sweep", "small.yaml", "--vary", "seed=1", "-o", "x", "--shard", "3/2"}).status,
      64);
  EXPECT_EQ(place.run({"sweep", "small.yaml", "--vary", "seed=1", "-o", "x", "--resume", "--force"})
                .status,
            64);
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

// Starts the program, and sends it a signal when `moment` returns.
int ended_by(const Workplace& place, int signal, std::vector<std::string> words,
             const std::function<void()>& moment) {
  words.insert(words.begin(), TESSERA_PROGRAM);
  std::vector<char*> argv;
  for (std::string& word : words) {
    argv.push_back(word.data());
  }
  argv.push_back(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    // A runner in the background would have it ignored.
    ::signal(SIGINT, SIG_DFL);
    if (chdir(place.path().c_str()) != 0 || freopen("/dev/null", "w", stdout) == nullptr ||
        freopen("interrupted.err", "w", stderr) == nullptr) {
      _exit(126);
    }
    execv(TESSERA_PROGRAM, argv.data());
    _exit(127);
  }
  moment();
  kill(child, signal);
  int status = 0;
  waitpid(child, &status, 0);
  return status;
}

TEST_F(CliSweep, AnInterruptionBeforeTheFirstPointLeavesNothing) {
  const int status = ended_by(
      place, SIGINT,
      {"sweep", "small.yaml", "--requests", "20000000", "--vary", "seed=1,2,3,4", "-o", "out"},
      [] { std::this_thread::sleep_for(std::chrono::milliseconds(500)); });
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(place.path())) {
    names.push_back(entry.path().filename());
  }
  EXPECT_THAT(names, UnorderedElementsAre("interrupted.err", "small.yaml"));
}

// All files of two folders but the manifests.
void expect_same_files(const Workplace& place, const std::string& one, const std::string& other) {
  const auto files = place.files_below(one);
  EXPECT_EQ(files, place.files_below(other));
  for (const std::string& file : files) {
    if (fs::path(file).filename() != "manifest.json") {
      EXPECT_EQ(place.read(one + "/" + file), place.read(other + "/" + file)) << file;
    }
  }
}

TEST_F(CliSweep, AnInterruptionAfterAPointIsResumed) {
  // The first point is quick, the second one is not, however fast the machine.
  const std::vector<std::string> sweep{"sweep",  "small.yaml",
                                       "--set",  "engine.advance=step",
                                       "--vary", "workload.requests=10,100000",
                                       "-j",     "1",
                                       "-o"};
  const auto in = [&](const std::string& folder) {
    std::vector<std::string> words = sweep;
    words.push_back(folder);
    return words;
  };
  const auto the_first_is_there = [&] {
    while (!fs::exists(place.path() / "out/runs/0000")) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  };
  const int status = ended_by(place, SIGTERM, in("out"), the_first_is_there);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  EXPECT_THAT(place.read("interrupted.err"), HasSubstr("with --resume does the rest"));
  EXPECT_THAT(place.files_below("out"),
              AllOf(Contains("sweep.json"), Not(Contains("summary.csv"))));
  EXPECT_FALSE(fs::exists(place.path() / "out/.work"));
  const auto first_run = fs::last_write_time(place.path() / "out/runs/0000");
  EXPECT_EQ(place.run(in("out")).status, 73) << "without --resume";
  std::vector<std::string> resumed = in("out");
  resumed.emplace_back("--resume");
  const Finished rest = place.run(resumed);
  ASSERT_EQ(rest.status, 0) << rest.err;
  EXPECT_EQ(fs::last_write_time(place.path() / "out/runs/0000"), first_run) << "it was kept";
  ASSERT_EQ(place.run(in("whole")).status, 0);
  expect_same_files(place, "whole", "out");
}

TEST_F(CliSweep, ResumingRedoesWhatIsHalfWrittenOrOfAnotherScenario) {
  const std::vector<std::string> sweep{"sweep", "small.yaml", "--vary", "seed=1..4", "-o"};
  const auto run = [&](const std::string& folder, const std::string& more) {
    std::vector<std::string> words = sweep;
    words.push_back(folder);
    words.push_back(more);
    return place.run(words);
  };
  ASSERT_EQ(run("whole", "--quiet").status, 0);
  ASSERT_EQ(run("out", "--quiet").status, 0);
  // What a machine that lost its power may leave.
  place.write("out/runs/0001/summary.csv", "");
  fs::remove(place.path() / "out/runs/0002/manifest.json");
  place.write("out/runs/0003/scenario.resolved.yaml", "seed: 9\n");
  fs::create_directories(place.path() / "out/.work/0000");
  fs::remove(place.path() / "out/summary.csv");
  const Finished resumed = run("out", "--resume");
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  expect_same_files(place, "whole", "out");
  place.write("small.yaml", small_scenario() + "# edited\n");
  const Finished other = run("out", "--resume");
  EXPECT_EQ(other.status, 73);
  EXPECT_THAT(other.err, HasSubstr("holds another sweep"));
  place.write("small.yaml", small_scenario() + "name: twice\n");
  EXPECT_EQ(run("out", "--force").status, 65);
  expect_same_files(place, "whole", "out");
}

TEST_F(CliSweep, ShardsMergeToTheWholeSweep) {
  const std::vector<std::string> sweep{"sweep",     "small.yaml", "--vary",
                                       "seed=1..5", "--vary",     "engine.policy.max_num_seqs=0,2",
                                       "-o"};
  const auto run = [&](const std::string& folder, const std::string& shard) {
    std::vector<std::string> words = sweep;
    words.insert(words.end(), {folder, "--shard", shard});
    return place.run(words);
  };
  std::vector<std::string> whole = sweep;
  whole.emplace_back("whole");
  ASSERT_EQ(place.run(whole).status, 2);
  // With an even number of shards, one of them has only points that fail.
  for (const char* shard : {"2/4", "3/4", "1/4"}) {
    EXPECT_EQ(run("out", shard).status, shard[0] == '2' ? 0 : 2) << shard;
  }
  EXPECT_EQ(run("out", "3/4").status, 73) << "it was done";
  const Finished early = place.run({"merge", "out"});
  EXPECT_EQ(early.status, 65);
  EXPECT_THAT(early.err, HasSubstr("not finished: --shard 4/4"));
  EXPECT_EQ(run("elsewhere", "4/4").status, 0);
  const Finished collected = place.run({"merge", "out", "elsewhere", "-o", "collected"});
  EXPECT_EQ(collected.status, 2) << collected.err;
  expect_same_files(place, "whole", "collected");
  EXPECT_EQ(run("out", "4/4").status, 0);
  EXPECT_EQ(place.run({"merge", "out"}).status, 2) << "some points failed";
  expect_same_files(place, "whole", "out");
  EXPECT_THAT(place.run({"merge", "out"}).out, HasSubstr("merged before"));
  EXPECT_EQ(place.run({"merge", "out", "elsewhere"}).status, 64) << "into what?";
  EXPECT_EQ(place.run({"merge", "nowhere"}).status, 66);
}

TEST_F(CliSweep, AWholeSweepResumesWhatShardsBegan) {
  const std::vector<std::string> sweep{"sweep", "small.yaml", "--vary", "seed=1..5", "-o", "out"};
  std::vector<std::string> shard = sweep;
  shard.insert(shard.end(), {"--shard", "2/3"});
  ASSERT_EQ(place.run(shard).status, 0);
  std::vector<std::string> rest = sweep;
  rest.emplace_back("--resume");
  ASSERT_EQ(place.run(rest).status, 0);
  std::vector<std::string> whole = sweep;
  whole.back() = "whole";
  ASSERT_EQ(place.run(whole).status, 0);
  expect_same_files(place, "whole", "out");
}

TEST_F(CliSweep, ZippedAxesTakeTheirValuesSideBySide) {
  const Finished sweep = place.run({"sweep", "small.yaml", "--zip",
                                    "engine.policy.max_num_seqs=2,4; workload.requests=10,20",
                                    "--vary", "seed=7,8", "-o", "out"});
  ASSERT_EQ(sweep.status, 0) << sweep.err;
  EXPECT_THAT(first_cells(place.read("out/summary.csv"), 4),
              ElementsAre("point,seed,engine.policy.max_num_seqs,workload.requests", "0000,7,2,10",
                          "0001,7,4,20", "0002,8,2,10", "0003,8,4,20"));
  place.write("zipped.yaml",
              small_scenario() + "sweep: {zip: {seed: [1, 2], workload.requests: [10, 20]}}\n");
  const Finished half = place.run({"sweep", "zipped.yaml", "--vary", "seed=4"});
  EXPECT_EQ(half.status, 64);
  EXPECT_THAT(half.err, HasSubstr("zips 'workload.requests' with 'seed'"));
  EXPECT_EQ(place.run({"sweep", "zipped.yaml", "--zip", "seed=4;workload.requests=5"}).status, 0);
  EXPECT_EQ(place.run({"sweep", "small.yaml", "--zip", "seed=4"}).status, 64);
  EXPECT_EQ(place.run({"sweep", "small.yaml", "--zip", "seed=4,5;workload.requests=5"}).status, 64);
}

TEST_F(CliSweep, SeedsGetMeansAndConfidenceIntervals) {
  const Finished sweep = place.run({"sweep", "small.yaml", "--vary", "seed=1..4", "--vary",
                                    "engine.policy.max_num_seqs=2,8", "-o", "out"});
  ASSERT_EQ(sweep.status, 0) << sweep.err;
  EXPECT_THAT(sweep.out, HasSubstr("Means over the seeds"));
  EXPECT_THAT(first_cells(place.read("out/seeds.csv"), 3),
              ElementsAre("engine.policy.max_num_seqs,num_seeds,num_failed", "2,4,0", "8,4,0"));
}

TEST_F(CliSweep, FailuresWithOneReasonAreListedTogether) {
  const Finished sweep = place.run({"sweep", "small.yaml", "--vary", "seed=1..8", "--vary",
                                    "engine.policy.max_num_seqs=2,0,-1"});
  EXPECT_EQ(sweep.status, 2);
  const auto lines = lines_in(sweep.err);
  ASSERT_EQ(lines.size(), 2U) << sweep.err;
  EXPECT_THAT(lines[0], AllOf(HasSubstr("points 0001, 0004, 0007, 0010, 0013 and 3 more (the "
                                        "first: seed=1, engine.policy.max_num_seqs=0): "),
                              HasSubstr("at least 1")));
  EXPECT_THAT(lines[1], HasSubstr("points 0002, "));
}

TEST_F(CliSweep, AFolderIsWorkedOnByOneProcess) {
  const pid_t child = fork();
  if (child == 0) {
    if (chdir(place.path().c_str()) != 0 || freopen("/dev/null", "w", stdout) == nullptr) {
      _exit(126);
    }
    execl(TESSERA_PROGRAM, TESSERA_PROGRAM, "sweep", "small.yaml", "--requests", "20000000",
          "--vary", "seed=1,2", "-o", "out", static_cast<char*>(nullptr));
    _exit(127);
  }
  while (!fs::exists(place.path() / "out/sweep.json")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const Finished second = place.run({"sweep", "small.yaml", "--requests", "20000000", "--vary",
                                     "seed=1,2", "-o", "out", "--resume"});
  EXPECT_EQ(second.status, 73);
  EXPECT_THAT(second.err, HasSubstr("worked on by another process"));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace tessera::test
