// The files of small runs, byte for byte. A golden file only says that something has changed: each
// run is also held to what must hold of any (the twin below). After a wanted change run
//   TESSERA_UPDATE_GOLDEN=1 build/release/tests/golden_tests
// and read the difference before it is committed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "tessera/study/run.hpp"
#include "tests/support/temporary_folder.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;

fs::path golden_folder() {
  return fs::path(TESSERA_SOURCE_DIR) / "tests" / "golden";
}

std::vector<std::string> scenarios() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(golden_folder())) {
    if (entry.path().extension() == ".yaml") {
      names.push_back(entry.path().stem().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::size_t column_of(const std::vector<std::string>& header, const std::string& name) {
  const auto found = std::find(header.begin(), header.end(), name);
  EXPECT_NE(found, header.end()) << name;
  return static_cast<std::size_t>(found - header.begin());
}

// What must hold of any run, whatever its golden files say.
void expect_sound_requests(const fs::path& file, const Summary& summary) {
  const auto lines = lines_of(file);
  const auto header = cells_of(lines.at(0));
  EXPECT_EQ(std::to_string(lines.size() - 1), cell(summary, "num_requests"));
  std::int64_t output = 0;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto cells = cells_of(lines[i]);
    const auto seconds = [&](const char* column) {
      return std::stod(cells.at(column_of(header, column)));
    };
    output += std::stoll(cells.at(column_of(header, "output_tokens")));
    if (cells.at(column_of(header, "status")) == "finished") {
      EXPECT_LE(seconds("arrival_s"), seconds("scheduled_s")) << lines[i];
      EXPECT_LT(seconds("scheduled_s"), seconds("first_token_s")) << lines[i];
      EXPECT_LE(seconds("first_token_s"), seconds("finished_s")) << lines[i];
      EXPECT_LE(seconds("kv_peak_written_bytes"), seconds("kv_peak_reserved_bytes")) << lines[i];
    }
  }
  EXPECT_EQ(std::to_string(output), cell(summary, "output_tokens"));
}

void expect_sound_memory(const fs::path& file) {
  const auto lines = lines_of(file);
  const auto header = cells_of(lines.at(0));
  const std::size_t capacity = column_of(header, "capacity_bytes");
  const std::size_t last = column_of(header, "free_usable_bytes");
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto cells = cells_of(lines[i]);
    std::int64_t sum = 0;
    for (std::size_t column = capacity + 1; column <= last; ++column) {
      sum += std::stoll(cells.at(column));
    }
    EXPECT_EQ(sum, std::stoll(cells.at(capacity))) << lines[i];
  }
}

TEST(Golden, FilesOfSmallRunsAreAsTheyWere) {
  const bool update = std::getenv("TESSERA_UPDATE_GOLDEN") != nullptr;
  const std::vector<std::string> names = scenarios();
  EXPECT_GE(names.size(), 4U);
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    const TemporaryFolder room;
    const OutputFolder folder(room.path() / "run", IfExists::refuse);
    const ScenarioText text = ScenarioText::read((golden_folder() / (name + ".yaml")).string());
    const RunResult result = run_scenario(text.load({}), &folder, {{"tessera"}});
    expect_sound_requests(folder.staging() / "requests.csv", result.summary);
    expect_sound_memory(folder.staging() / "memory.csv");
    for (const char* file : {"summary.csv", "requests.csv", "memory.csv", "steps.csv"}) {
      const fs::path expected = golden_folder() / name / file;
      if (update) {
        fs::create_directories(expected.parent_path());
        fs::copy_file(folder.staging() / file, expected, fs::copy_options::overwrite_existing);
      }
      EXPECT_EQ(text_of(folder.staging() / file), text_of(expected)) << expected;
    }
  }
}

}  // namespace
}  // namespace tessera
