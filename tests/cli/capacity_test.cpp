// tessera capacity: against a brute-force sweep of the load, and what it says when nothing passes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "tests/cli/program_under_test.hpp"

namespace tessera::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string t4_scenario = TESSERA_SOURCE_DIR "/scenarios/t4_llama7b_int8.yaml";

// Rows of a table without quoted cells before the wanted ones, as column -> cell.
std::vector<std::map<std::string, std::string>> rows_of(const std::string& csv) {
  const auto cells = [](const std::string& line) {
    std::vector<std::string> all(1);
    bool quoted = false;
    for (const char c : line) {
      quoted = c == '"' ? !quoted : quoted;
      if (c == ',' && !quoted) {
        all.emplace_back();
      } else if (c != '"') {
        all.back() += c;
      }
    }
    return all;
  };
  std::istringstream stream(csv);
  std::string line;
  std::getline(stream, line);
  const std::vector<std::string> header = cells(line);
  std::vector<std::map<std::string, std::string>> rows;
  while (std::getline(stream, line)) {
    const std::vector<std::string> values = cells(line);
    rows.emplace_back();
    for (std::size_t i = 0; i < header.size(); ++i) {
      rows.back()[header[i]] = values.at(i);
    }
  }
  return rows;
}

// The trial that passed at the highest load.
double found_load(const Workplace& place, const std::string& folder) {
  double highest = 0.0;
  for (auto& row : rows_of(place.read(folder + "/ledger.csv"))) {
    if (row["verdict"] == "passed") {
      highest = std::max(highest, std::stod(row["workload.arrivals.rate"]));
    }
  }
  return highest;
}

TEST(CliCapacity, FindsTheRateThatABruteForceSweepFinds) {
  const Workplace place;
  const std::vector<std::string> scenario{t4_scenario,
                                          "--requests",
                                          "150",
                                          "--set",
                                          "slo={ttft: 2 s, tpot: {p90: 150 ms}}",
                                          "--set",
                                          "output.iterations=false",
                                          "--vary",
                                          "engine.policy.max_num_seqs=64"};
  std::vector<std::string> capacity{"capacity"};
  capacity.insert(capacity.end(), scenario.begin(), scenario.end());
  capacity.insert(capacity.end(), {"--replications", "1", "--lengthen", "1", "--tolerance", "0.02",
                                   "-j", "1", "-o", "c"});
  const Finished found = place.run(capacity);
  ASSERT_EQ(found.status, 0) << found.err;
  EXPECT_THAT(found.out,
              AllOf(HasSubstr("Highest load that meets the SLO: "), HasSubstr("c/winner.yaml")));

  std::vector<std::string> sweep{"sweep"};
  sweep.insert(sweep.end(), scenario.begin(), scenario.end());
  sweep.insert(sweep.end(), {"--vary", "workload.arrivals.rate=0.4..1.6+0.01 /s", "-o", "s", "-j",
                             "1", "--quiet"});
  ASSERT_EQ(place.run(sweep).status, 0);
  double first_failure = 0.0;
  double last_pass = 0.0;
  for (auto& row : rows_of(place.read("s/summary.csv"))) {
    const double rate = std::stod(row["workload.arrivals.rate"]);
    if (row["slo_met"] == "true") {
      last_pass = rate;
    } else if (first_failure == 0.0) {
      first_failure = rate;
    }
  }
  ASSERT_GT(first_failure, 0.4);
  // Where the verdict is not monotone in the rate, any boundary between its first failure and its
  // last pass is one.
  const double load = found_load(place, "c");
  EXPECT_GE(load, (std::min(first_failure, last_pass) - 0.01) / 1.02);
  EXPECT_LE(load, (std::max(first_failure, last_pass) + 0.01) * 1.02);

  // The winner runs, and keeps what was promised.
  const Finished run = place.run({"run", "c/winner.yaml"});
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("SLO met"));
}

TEST(CliCapacity, RunsUntilAVerdictIsClearAndConfirmsIt) {
  const Workplace place;
  const Finished found = place.run(
      {"capacity", t4_scenario, "--requests", "50", "--vary", "engine.policy.max_num_seqs=4,32",
       "--tolerance", "0.1", "--lengthen", "8", "--replications", "3", "-j", "2", "-o", "c"});
  ASSERT_EQ(found.status, 0) << found.err;
  auto rows = rows_of(place.read("c/ledger.csv"));
  std::map<std::string, double> capacity;
  for (auto& row : rows) {
    EXPECT_EQ(row["replications"], "3");
    EXPECT_GE(std::stoi(row["requests"]), 50);
    EXPECT_LE(std::stoi(row["requests"]), 400);
    EXPECT_EQ(row["verdict"] == "passed", std::stod(row["slo_score"]) <= 1.0);
    const double apart = std::abs(std::stod(row["slo_score"]) - 1.0);
    EXPECT_EQ(row["decided_by"] == "confidence", std::stod(row["slo_score_ci"]) < apart);
    EXPECT_NE(row["reason"], "");
    EXPECT_GT(std::stod(row["cost_usd_per_million_output_tokens"]), 0.0);
    EXPECT_GT(std::stod(row["energy_kwh_per_million_output_tokens"]), 0.0);
  }
  // A larger batch serves more.
  EXPECT_THAT(found.out, HasSubstr("Highest load that meets the SLO: "
                                   "engine.policy.max_num_seqs=32"));
  // On a front, more throughput costs latency.
  std::map<std::string, std::pair<double, double>> last;
  for (auto& row : rows_of(place.read("c/pareto.csv"))) {
    const std::pair point(std::stod(row["output_throughput"]), std::stod(row[row["front"]]));
    if (last.contains(row["front"])) {
      EXPECT_GT(point.first, last[row["front"]].first);
      EXPECT_GT(point.second, last[row["front"]].second);
    }
    last[row["front"]] = point;
  }
  EXPECT_EQ(last.size(), 2U);
  // The number of threads changes nothing.
  ASSERT_EQ(place
                .run({"capacity", t4_scenario, "--requests", "50", "--vary",
                      "engine.policy.max_num_seqs=4,32", "--tolerance", "0.1", "--lengthen", "8",
                      "--replications", "3", "-j", "1", "-o", "one"})
                .status,
            0);
  for (const char* file : {"ledger.csv", "pareto.csv", "winner.yaml"}) {
    EXPECT_EQ(place.read(std::string("c/") + file), place.read(std::string("one/") + file));
  }
}

TEST(CliCapacity, SaysWhatCameClosestWhenNothingMeetsTheSlo) {
  const Workplace place;
  const Finished none = place.run({"capacity", t4_scenario, "--requests", "20", "--vary",
                                   "engine.policy.max_num_seqs=1,8", "--set", "slo.ttft=1 ms",
                                   "--replications", "2", "--lengthen", "1", "-o", "c"});
  EXPECT_EQ(none.status, 2);
  EXPECT_THAT(none.err, AllOf(HasSubstr("no load meets the SLO; closest is "),
                              HasSubstr("attainment 0, promised 0.95"), HasSubstr("TTFT p99 ")));
  // No load kept it for anybody; among equals a low one was quicker than the scenario's own.
  EXPECT_THAT(none.err, HasSubstr("workload.arrivals.rate=0.0"));
  EXPECT_THAT(place.files_below("c"), Not(::testing::Contains("winner.yaml")));
}

TEST(CliCapacity, FindsTheCheapestSettingAtTheScenariosLoad) {
  const Workplace place;
  const Finished cheapest =
      place.run({"capacity", "--model", "opt-1.3b", "--rate", "1", "--requests", "60", "--set",
                 "slo={ttft: {p99: 5 s}}", "--vary", "hardware.gpu=h100,t4,l4", "--find", "cost",
                 "--replications", "2", "-o", "c"});
  ASSERT_EQ(cheapest.status, 0) << cheapest.err;
  EXPECT_THAT(cheapest.out, HasSubstr("Cheapest setting that meets the SLO: hardware.gpu=t4"));
  EXPECT_EQ(rows_of(place.read("c/ledger.csv")).size(), 3U) << "no search over the load";
}

TEST(CliCapacity, UsersOfAClosedLoopAreALoad) {
  const Workplace place;
  const Finished found = place.run({"capacity", t4_scenario, "--requests", "60", "--vary",
                                    "engine.policy.max_num_seqs=32", "--set",
                                    "workload.arrivals={kind: closed_loop, users: 4}",
                                    "--replications", "2", "--lengthen", "2", "-o", "c"});
  ASSERT_EQ(found.status, 0) << found.err;
  EXPECT_THAT(place.read("c/ledger.csv"), HasSubstr(",workload.arrivals.users,"));
  EXPECT_THAT(place.read("c/winner.yaml"), HasSubstr("users: "));
}

TEST(CliCapacity, RefusesWhatItCannotAnswer) {
  Workplace place;
  place.write("small.yaml", small_scenario());
  const Finished none = place.run({"capacity", "small.yaml"});
  EXPECT_EQ(none.status, 65);
  EXPECT_THAT(none.err, HasSubstr("promises no latencies"));
  EXPECT_EQ(
      place.run({"capacity", t4_scenario, "--vary", "workload.arrivals.rate=1 /s,2 /s"}).status,
      64);
  EXPECT_EQ(place.run({"capacity", t4_scenario, "--set", "workload.arrivals={kind: burst}"}).status,
            65);
  EXPECT_EQ(place.run({"capacity", t4_scenario, "--tolerance", "2"}).status, 64);
  EXPECT_EQ(place.run({"capacity", t4_scenario, "--find", "money"}).status, 64);
}

}  // namespace
}  // namespace tessera::test
