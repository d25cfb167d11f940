// The rules of the house that a compiler does not check: which room may include which, names, line
// lengths, and what must never be in the repository.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

struct SourceLine {
  fs::path file;
  int number = 0;
  std::string text;
};

std::string place(const SourceLine& line) {
  return line.file.string() + ":" + std::to_string(line.number) + ": " + line.text;
}

std::vector<SourceLine> lines_below(const std::vector<std::string>& folders,
                                    const std::vector<std::string>& endings) {
  const fs::path root = TESSERA_SOURCE_DIR;
  std::vector<SourceLine> lines;
  for (const std::string& folder : folders) {
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      if (std::find(endings.begin(), endings.end(), entry.path().extension()) == endings.end()) {
        continue;
      }
      std::ifstream file(entry.path());
      std::string text;
      for (int number = 1; std::getline(file, text); ++number) {
        lines.push_back({fs::relative(entry.path(), root), number, text});
      }
    }
  }
  EXPECT_GT(lines.size(), 1000U);
  return lines;
}

std::vector<SourceLine> code_lines() {
  return lines_below({"include", "sim"}, {".hpp", ".cpp"});
}

// From the ground up.
const std::vector<std::string>& rooms() {
  static const std::vector<std::string> names{
      "core",   "hardware", "model",  "memory", "cost",   "workload", "scheduling",
      "engine", "metrics",  "config", "study",  "report", "cli", "mpi"};
  return names;
}

std::size_t floor_of(const std::string& room) {
  return static_cast<std::size_t>(std::find(rooms().begin(), rooms().end(), room) -
                                  rooms().begin());
}

// include/tessera/<room>/… or sim/<room>/…; empty for sim/main.cpp.
std::string room_of(const fs::path& file) {
  std::vector<std::string> parts;
  for (const auto& part : file) {
    parts.push_back(part.string());
  }
  const std::size_t at = parts.at(0) == "include" ? 2 : 1;
  return parts.size() > at + 1 ? parts[at] : std::string{};
}

TEST(Repository, RoomsIncludeOnlyRoomsBelowThem) {
  const std::regex include(R"(^#include "(tessera|sim)/([a-z]+)/.*)");
  for (const SourceLine& line : code_lines()) {
    std::smatch match;
    const std::string room = room_of(line.file);
    if (room.empty() || !std::regex_match(line.text, match, include)) {
      continue;
    }
    EXPECT_LE(floor_of(match[2]), floor_of(room)) << place(line);
    // hardware and model stand beside each other, as do config and metrics.
    const bool neighbours =
        (room == "model" && match[2] == "hardware") || (room == "config" && match[2] == "metrics");
    EXPECT_FALSE(neighbours) << place(line);
    // What is in sim/ belongs to its room alone.
    EXPECT_TRUE(match[1] == "tessera" || match[2] == room) << place(line);
  }
}

TEST(Repository, OnlyConfigKnowsYaml) {
  for (const SourceLine& line : code_lines()) {
    if (line.text.find("yaml-cpp/") != std::string::npos) {
      EXPECT_EQ(room_of(line.file), "config") << place(line);
    }
  }
}

TEST(Repository, NamesSayWhatThingsAre) {
  const std::regex banned(R"(\b(class|struct|namespace)\s+\w*(Manager|Helper|Util|Utils|Impl)\b)");
  for (const SourceLine& line : code_lines()) {
    EXPECT_FALSE(std::regex_search(line.text, banned)) << place(line);
  }
}

TEST(Repository, LinesAreAtMostAHundredCharactersLong) {
  for (const SourceLine& line : lines_below({"include", "sim", "tests"}, {".hpp", ".cpp"})) {
    const auto characters = std::count_if(line.text.begin(), line.text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    });
    EXPECT_LE(characters, 100) << place(line);
  }
}

TEST(Repository, NothingIsLeftUnfinishedOrSkipped) {
  // Put together here so that this file does not find itself.
  const std::vector<std::string> banned{std::string("TO") + "DO", std::string("FIX") + "ME",
                                        std::string("DISAB") + "LED_",
                                        std::string("GTEST_") + "SKIP"};
  for (const SourceLine& line : lines_below({"include", "sim", "tests"}, {".hpp", ".cpp"})) {
    for (const std::string& word : banned) {
      EXPECT_EQ(line.text.find(word), std::string::npos) << place(line);
    }
  }
}

TEST(Repository, WallClocksAndForeignRandomnessStayOut) {
  const std::regex banned(
      R"(\b(rand\(|srand\(|std::random_device|std::mt19937|)"
      R"(std::(normal|lognormal|exponential|gamma|weibull|poisson)_distribution))");
  for (const SourceLine& line : code_lines()) {
    EXPECT_FALSE(std::regex_search(line.text, banned)) << place(line);
  }
}

}  // namespace
