// The files of a run against those that real engines' schedulers left: steps.csv line by line, and
// the instants of requests.csv.
#include <gtest/gtest.h>

#include <algorithm>
#include <boost/iostreams/copy.hpp>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>

#include "tessera/engine/simulate.hpp"
#include "tessera/metrics/run_recorder.hpp"
#include "tests/support/listed_requests.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/truth/engine_trace/step_trace.hpp"

namespace tessera::truth {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> unzipped_lines(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  boost::iostreams::filtering_istream stream;
  stream.push(boost::iostreams::gzip_decompressor());
  stream.push(file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) {
    lines.push_back(line);
  }
  return lines;
}

// The lists whose order says nothing, sorted: an engine's batch order is its own affair.
std::string comparable(const std::string& line, const std::vector<std::string>& columns) {
  std::vector<std::string> cells = cells_of(line);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const std::string& column = columns.at(i);
    if (column != "scheduled" && column != "finished" && column != "admitted" && column != "hits") {
      continue;
    }
    std::vector<std::string> items;
    std::istringstream list(cells[i]);
    for (std::string item; std::getline(list, item, ';');) {
      items.push_back(item);
    }
    std::sort(items.begin(), items.end());
    cells[i].clear();
    for (const std::string& item : items) {
      cells[i] += item + ";";
    }
  }
  std::string text;
  for (const std::string& cell : cells) {
    text += cell + ",";
  }
  return text;
}

std::string first_differing_line(const std::vector<std::string>& expected,
                                 const std::vector<std::string>& got) {
  if (expected.at(0) != got.at(0)) {
    return "header: " + got[0];
  }
  const auto columns = cells_of(expected[0]);
  for (std::size_t i = 1; i < std::min(expected.size(), got.size()); ++i) {
    if (comparable(expected[i], columns) != comparable(got[i], columns)) {
      return expected[i] + "\n" + got[i];
    }
  }
  return expected.size() == got.size() ? "" : "another number of steps";
}

// Cells by request and column.
std::map<std::string, std::map<std::string, std::string>> table_of(const fs::path& path) {
  const auto lines = lines_of(path);
  const auto columns = cells_of(lines.at(0));
  std::map<std::string, std::map<std::string, std::string>> table;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const auto cells = cells_of(lines[i]);
    for (std::size_t column = 0; column < columns.size(); ++column) {
      table[cells[0]][columns[column]] = cells[column];
    }
  }
  return table;
}

void expect_equal_requests(const fs::path& expected_file, const fs::path& got_file) {
  const auto expected = table_of(expected_file);
  const auto got = table_of(got_file);
  ASSERT_EQ(expected.size(), got.size());
  const std::map<std::string, std::string> columns{{"arrival_s", "arrival_s"},
                                                   {"first_sched_s", "scheduled_s"},
                                                   {"first_token_s", "first_token_s"},
                                                   {"finish_s", "finished_s"},
                                                   {"num_preemptions", "num_preemptions"},
                                                   {"generated_tokens", "output_tokens"}};
  for (const auto& [id, row] : expected) {
    for (const auto& [theirs, ours] : columns) {
      ASSERT_EQ(std::stod(row.at(theirs)), std::stod(got.at(id).at(ours))) << id << " " << ours;
    }
  }
}

void compare(const fs::path& trace_folder, const fs::path& workloads) {
  StepTrace trace = read_step_trace(trace_folder, workloads);
  trace.scenario.output.steps = true;
  const TemporaryFolder room;
  const OutputFolder folder(room.path() / "run", IfExists::refuse);
  RunRecorder recorder(trace.scenario, &folder);
  ListedRequests source(trace.requests);
  simulate(trace.scenario, source, recorder);
  EXPECT_EQ(first_differing_line(unzipped_lines(trace_folder / "steps.csv.gz"),
                                 lines_of(folder.staging() / "steps.csv")),
            "")
      << trace_folder;
  expect_equal_requests(trace_folder / "requests.csv", folder.staging() / "requests.csv");
}

TEST(RecordedFiles, EqualThoseOfRealEngines) {
  const fs::path data = TESSERA_DATA_DIR;
  if (data.empty()) {
    std::cout << "SKIPPED: no TESSERA_DATA, so no recorded steps.csv was compared\n";
    return;
  }
  std::vector<fs::path> folders;
  for (const auto& entry : fs::recursive_directory_iterator(data / "engines" / "traces")) {
    const fs::path folder = entry.path().parent_path();
    if (entry.path().filename() == "config.json" && is_modelled(folder)) {
      folders.push_back(folder);
    }
  }
  std::sort(folders.begin(), folders.end());
  std::size_t compared = 0;
  for (std::size_t i = 0; i < folders.size(); i += TESSERA_TRACE_STRIDE) {
    compare(folders[i], data / "engines" / "workloads");
    ++compared;
  }
  std::cout << compared << " recorded runs compared\n";
  EXPECT_GE(compared * TESSERA_TRACE_STRIDE, 60U);
}

}  // namespace
}  // namespace tessera::truth
