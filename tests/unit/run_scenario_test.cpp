// A whole run from a scenario's text to its folder.
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "tessera/study/run.hpp"
#include "tessera/study/sha256.hpp"
#include "tests/support/temporary_folder.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;

LoadedScenario small_run(std::vector<Override> more = {}) {
  std::vector<Override> overrides{{"workload.requests", "40"},
                                  {"seed", "11"},
                                  {"output.iterations", "true"},
                                  {"output.steps", "true"},
                                  {"output.request_kv", "true"}};
  overrides.insert(overrides.end(), more.begin(), more.end());
  return ScenarioText::built_in().load(overrides);
}

// The sum of a column, read as whole numbers.
std::int64_t sum_of(const fs::path& file, const std::string& column) {
  const auto lines = lines_of(file);
  const auto columns = cells_of(lines.at(0));
  const auto found = std::find(columns.begin(), columns.end(), column);
  EXPECT_NE(found, columns.end()) << column;
  std::int64_t sum = 0;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    sum += std::stoll(cells_of(lines[i]).at(static_cast<std::size_t>(found - columns.begin())));
  }
  return sum;
}

TEST(RunScenario, WritesTheFilesOfARun) {
  const TemporaryFolder room;
  OutputFolder folder(room.path() / "run", IfExists::refuse);
  const RunResult result = run_scenario(small_run(), &folder, {{"tessera", "run"}});
  folder.commit();
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder.path())) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"iterations.csv", "manifest.json", "memory.csv",
                                             "request_kv.csv", "requests.csv",
                                             "scenario.resolved.yaml", "steps.csv", "summary.csv",
                                             "summary.json", "timeseries.csv"}));
  EXPECT_EQ(cell(result.summary, "num_requests"), "40");
  EXPECT_EQ(lines_of(folder.path() / "requests.csv").size(), 41U);
  EXPECT_EQ(std::to_string(sum_of(folder.path() / "requests.csv", "output_tokens")),
            cell(result.summary, "output_tokens"));
}

TEST(RunScenario, TheManifestTellsWhereResultsCameFrom) {
  const TemporaryFolder room;
  const OutputFolder folder(room.path() / "run", IfExists::refuse);
  (void)run_scenario(small_run(), &folder, {{"tessera", "run", "--seed", "11"}});
  const auto manifest = boost::json::parse(text_of(folder.staging() / "manifest.json")).as_object();
  EXPECT_EQ(manifest.at("seed").to_number<int>(), 11);
  EXPECT_EQ(manifest.at("argv").as_array().size(), 4U);
  EXPECT_EQ(manifest.at("scenario_sha256").as_string(),
            sha256(text_of(folder.staging() / "scenario.resolved.yaml")));
  EXPECT_GE(manifest.at("wall_time_s").to_number<double>(), 0.0);
  EXPECT_TRUE(manifest.at("advance").as_string().starts_with("s"));
}

TEST(RunScenario, EqualScenariosGiveEqualBytes) {
  const TemporaryFolder room;
  const OutputFolder first(room.path() / "first", IfExists::refuse);
  const OutputFolder second(room.path() / "second", IfExists::refuse);
  (void)run_scenario(small_run(), &first, {{"a"}});
  (void)run_scenario(small_run(), &second, {{"b"}});
  for (const auto& entry : fs::directory_iterator(first.staging())) {
    const fs::path name = entry.path().filename();
    if (name != "manifest.json") {
      EXPECT_EQ(text_of(first.staging() / name), text_of(second.staging() / name)) << name;
    }
  }
}

TEST(RunScenario, MemorySumsToTheCapacityInEveryRow) {
  const TemporaryFolder room;
  const OutputFolder folder(room.path() / "run", IfExists::refuse);
  (void)run_scenario(small_run({{"engine.kv_cache.kind", "contiguous"},
                                {"engine.policy.kind", "orca"},
                                {"output.memory.every", "100 ms"}}),
                     &folder, {});
  const auto lines = lines_of(folder.staging() / "memory.csv");
  ASSERT_GT(lines.size(), 10U);
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto cells = cells_of(lines[i]);
    std::int64_t sum = 0;
    for (std::size_t column = 4; column < 4 + DeviceLedger::num_classes; ++column) {
      sum += std::stoll(cells[column]);
    }
    ASSERT_EQ(sum, std::stoll(cells[3])) << lines[i];
  }
}

TEST(RunScenario, WithoutAFolderGivesTheSameAnswer) {
  const TemporaryFolder room;
  const OutputFolder folder(room.path() / "run", IfExists::refuse);
  const RunResult with = run_scenario(small_run(), &folder, {});
  const RunResult without = run_scenario(small_run(), nullptr, {});
  ASSERT_EQ(with.summary.size(), without.summary.size());
  for (std::size_t i = 0; i < with.summary.size(); ++i) {
    EXPECT_EQ(with.summary[i].value, without.summary[i].value) << with.summary[i].column;
  }
}

// The last sampled token is never written: s + n − 1 entries.
TEST(RunScenario, ARequestsPeakIsItsPromptAndItsOutputButOne) {
  for (const std::int64_t output : {1, 2, 3, 40}) {
    const std::vector<Override> overrides{{"workload.requests", "3"},
                                          {"workload.prompt_tokens", "100"},
                                          {"workload.output_tokens", std::to_string(output)}};
    const TemporaryFolder room;
    const OutputFolder folder(room.path() / "run", IfExists::refuse);
    const LoadedScenario loaded = ScenarioText::built_in().load(overrides);
    (void)run_scenario(loaded, &folder, {{"tessera"}});
    const Bytes token =
        kv_bytes_per_token(loaded.scenario.model, loaded.scenario.precision.kv_cache);
    EXPECT_EQ(sum_of(folder.staging() / "requests.csv", "kv_peak_written_bytes"),
              (token * (3 * (100 + output - 1))).count());
  }
}

}  // namespace
}  // namespace tessera
