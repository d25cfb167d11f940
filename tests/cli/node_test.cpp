// Several GPUs through the program: what does not fit one and runs on two, files of many devices,
// and the scenario that asks how to use four.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/cli/program_under_test.hpp"

namespace tessera::test {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

std::string thirteen_billion() {
  return "model: llama-13b\n"
         "hardware: {gpu: t4, count: 2}\n"
         "precision: {weights: fp16}\n"
         "workload:\n"
         "  arrivals: {kind: constant, rate: 0.2 /s}\n"
         "  prompt_tokens: 100\n"
         "  output_tokens: 20\n"
         "  requests: 10\n"
         "output: {memory: {every: 10 s}}\n";
}

TEST(CliNode, ThirteenBillionInHalfPrecisionNeedTwoT4s) {
  const Workplace place;
  place.write("13b.yaml", thirteen_billion());
  const Finished one = place.run({"run", "13b.yaml"});
  EXPECT_EQ(one.status, 65);
  // 0.9 x 15,095 MiB - 300 MiB - 26,031,728,640 bytes of weights - workspace - one block.
  EXPECT_THAT(one.err, AllOf(HasSubstr("'llama-13b' with fp16 weights does not fit the t4: "),
                             ContainsRegex("12[0-9]{9} bytes \\(11\\.[0-9]+ GiB\\) are missing"),
                             HasSubstr("engine.parallel.tensor: 2")));
  const Finished two =
      place.run({"run", "13b.yaml", "--set", "engine.parallel.tensor=2", "-o", "out"});
  EXPECT_EQ(two.status, 0) << two.err;
  EXPECT_THAT(two.out, AllOf(HasSubstr("llama-13b on 2 x t4"),
                             HasSubstr("1 engine, each on 2 GPUs (tensor 2, pipeline 1)"),
                             HasSubstr("10 of 10 requests finished")));
}

// The cells of a line, of which those with commas are quoted.
std::vector<std::string> unquoted_cells(const std::string& line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (const char letter : line) {
    quoted = letter == '"' ? !quoted : quoted;
    if (letter == ',' && !quoted) {
      cells.emplace_back();
    } else if (letter != '"') {
      cells.back() += letter;
    }
  }
  return cells;
}

// The rows of a CSV file by column.
std::vector<std::map<std::string, std::string>> rows_of(const std::filesystem::path& file) {
  const std::vector<std::string> lines = lines_of(file);
  const std::vector<std::string> names = cells_of(lines.at(0));
  std::vector<std::map<std::string, std::string>> rows;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> cells = unquoted_cells(lines[i]);
    rows.emplace_back();
    for (std::size_t column = 0; column < names.size(); ++column) {
      rows.back()[names[column]] = cells.at(column);
    }
  }
  return rows;
}

TEST(CliNode, EveryDeviceHasItsLedgerAndEveryRequestItsEngine) {
  const Workplace place;
  place.write("node.yaml", thirteen_billion());
  const Finished run =
      place.run({"run", "node.yaml", "-o", "out", "--set", "hardware.count=6", "--set",
                 "engine.parallel={tensor: 1, pipeline: 3, replicas: 2}"});
  ASSERT_EQ(run.status, 0) << run.err;
  std::map<std::string, std::set<std::string>> devices;  // by instant
  std::size_t summed = 0;
  for (auto& row : rows_of(place.path() / "out" / "memory.csv")) {
    devices[row["time_s"]].insert(row["engine"] + "/" + row["device"]);
    long long sum = 0;
    for (const char* name : {"driver", "weights", "workspace_used", "workspace_idle", "graphs",
                             "kv_live", "kv_cached_prefix", "kv_dead", "kv_pad", "kv_duplicate",
                             "kv_reserved_future", "kv_reserved_never", "kv_rounding",
                             "cached_free", "withheld", "free_unusable", "free_usable"}) {
      sum += std::stoll(row.at(std::string(name) + "_bytes"));
    }
    EXPECT_EQ(std::to_string(sum), row["capacity_bytes"]);
    ++summed;
  }
  EXPECT_GT(summed, 12u);
  for (const auto& [time, seen] : devices) {
    EXPECT_EQ(seen, (std::set<std::string>{"0/0", "0/1", "0/2", "1/0", "1/1", "1/2"})) << time;
  }
  std::map<std::string, int> requests;
  for (auto& row : rows_of(place.path() / "out" / "requests.csv")) {
    EXPECT_EQ(row["status"], "finished");
    ++requests[row["engine"]];
  }
  EXPECT_EQ(requests, (std::map<std::string, int>{{"0", 5}, {"1", 5}}));  // round robin
  const auto series = rows_of(place.path() / "out" / "timeseries.csv");
  EXPECT_EQ(series.front().at("engine"), "0");
  EXPECT_EQ(series.at(1).at("engine"), "1");
}

// Three times no bound is none: it does not wrap around.
TEST(CliNode, ReplicasWithoutACacheHaveNoBoundOnTheirCapacity) {
  const Workplace place;
  place.write("small.yaml", small_scenario());
  const Finished run =
      place.run({"run", "small.yaml", "--set", "engine.policy={kind: static}", "--set",
                 "engine.kv_cache={kind: none}", "--set", "engine.parallel.replicas=3", "--set",
                 "hardware.count=3", "--quiet", "-o", "out"});
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(rows_of(place.path() / "out" / "summary.csv").at(0).at("kv_capacity_tokens"),
            "9223372036854775807");
}

// What the header of the scenario says in words.
TEST(CliNode, OneT4OrFourIsAnsweredAsItsHeaderSays) {
  const Workplace place;
  const std::string scenario = std::string(TESSERA_SOURCE_DIR) + "/scenarios/t4_one_or_four.yaml";
  const Finished sweep = place.run({"sweep", scenario, "-o", "out"});
  ASSERT_EQ(sweep.status, 0) << sweep.err;
  const auto rows = rows_of(place.path() / "out" / "summary.csv");
  ASSERT_EQ(rows.size(), 5u);
  const auto number = [&](std::size_t row, const char* column) {
    return std::stod(rows[row].at(column));
  };
  for (const std::size_t other : {0u, 1u, 3u, 4u}) {
    EXPECT_GT(number(2, "request_throughput"), number(other, "request_throughput"));
  }
  EXPECT_GT(number(0, "mean_ttft_ms"), 60'000.0) << "one never catches up";
  EXPECT_GT(number(2, "kv_capacity_tokens"), number(1, "kv_capacity_tokens"));
  EXPECT_GT(number(3, "link_of_step_time"), 0.2);
  EXPECT_LT(number(4, "gpu_busy"), 0.7) << "bubbles";
}

}  // namespace
}  // namespace tessera::test
