// Tessera's cuda_caching against PyTorch's own allocator: traces recorded on a GPU, with all of its
// counters after every operation. The replay must give the same file, byte for byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/memory/replay.hpp"
#include "tests/support/decompressed.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;

fs::path data_folder() {
  return std::string_view(TESSERA_DATA_DIR).empty() ? fs::path()
                                                    : fs::path(TESSERA_DATA_DIR) / "allocator";
}

std::vector<fs::path> traces_in(const fs::path& folder) {
  std::vector<fs::path> files;
  if (!folder.empty() && fs::is_directory(folder)) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      if (entry.path().string().ends_with(".csv.xz")) {
        files.push_back(entry.path());
      }
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

// The number behind a word of a configuration's name: 2048 of "cap2048" for "cap".
std::optional<std::int64_t> number_after(std::string_view word, std::string_view prefix) {
  if (!word.starts_with(prefix) || word.size() == prefix.size()) {
    return std::nullopt;
  }
  return std::stoll(std::string(word.substr(prefix.size())));
}

// The settings behind a file's name, <trace>.<configuration>.csv.xz; PyTorch's own without one.
CudaCachingSpec settings_of(const fs::path& file) {
  std::string name = file.filename().string();
  name = name.substr(0, name.size() - std::string_view(".csv.xz").size());
  CudaCachingSpec spec;
  if (name.find('.') == std::string::npos) {
    return spec;
  }
  std::stringstream configuration(name.substr(name.find('.') + 1));
  for (std::string word; std::getline(configuration, word, '_');) {
    if (word == "expandable") {
      spec.expandable_segments = true;
    } else if (word == "gc") {
      spec.garbage_collection_threshold = 0.6;
    } else if (const auto split = number_after(word, "split")) {
      spec.max_split_size_mb = split;
    } else if (const auto divisions = number_after(word, "pow2div")) {
      spec.roundup_power2_divisions = *divisions;
    } else if (const auto limit = number_after(word, "cap")) {
      spec.limit = Bytes{*limit << 20};
    } else {
      EXPECT_EQ(word, "default") << "in " << file << ": a configuration that this test cannot read";
    }
  }
  return spec;
}

std::string replayed(const fs::path& file, const CudaCachingSpec& spec) {
  const auto allocator = make_device_allocator(AllocatorSpec{spec});
  std::ostringstream rows;
  replay_file(file, *allocator, rows);
  allocator->audit();
  return rows.str();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line.ends_with('\r') ? line.substr(0, line.size() - 1) : line);
  }
  return lines;
}

void expect_equal_lines(const std::vector<std::string>& ours,
                        const std::vector<std::string>& theirs) {
  ASSERT_EQ(ours.size(), theirs.size());
  const auto [mine, other] = std::mismatch(ours.begin(), ours.end(), theirs.begin());
  ASSERT_EQ(mine, ours.end()) << "first difference in line " << mine - ours.begin() + 1
                              << "\n  ours:    " << *mine << "\n  theirs:  " << *other;
}

// The columns of a line that have these numbers, from 0.
std::string columns(const std::string& line, const std::vector<std::size_t>& wanted) {
  std::vector<std::string> fields;
  std::istringstream in(line);
  for (std::string field; std::getline(in, field, ',');) {
    fields.push_back(field);
  }
  std::string kept;
  for (const std::size_t column : wanted) {
    kept += fields.at(column) + ",";
  }
  return kept;
}

std::vector<std::string> with_columns(std::vector<std::string> lines,
                                      const std::vector<std::size_t>& wanted) {
  for (std::string& line : lines) {
    line = columns(line, wanted);
  }
  return lines;
}

TEST(AllocatorTraces, EqualPyTorchsCountersAfterEveryOperation) {
  const auto files = traces_in(data_folder());
  if (files.empty()) {
    std::cerr << "SKIPPED: no recorded allocation traces (TESSERA_DATA is not set)\n";
  }
  std::size_t operations = 0;
  for (const fs::path& file : files) {
    SCOPED_TRACE(file.filename().string());
    const std::string theirs = test::decompressed_xz(file);
    const std::string ours = replayed(file, settings_of(file));
    expect_equal_lines(lines_of(ours), lines_of(theirs));
    EXPECT_EQ(ours, theirs);
    operations += lines_of(theirs).size() - 1;
  }
  std::cerr << files.size() << " traces, " << operations << " operations\n";
}

TEST(AllocatorTraces, EqualReservedBytesAndSegmentsOfWholePrograms) {
  const auto files = traces_in(data_folder().empty() ? fs::path() : data_folder() / "programs");
  if (files.empty()) {
    std::cerr << "SKIPPED: no recorded programs (TESSERA_DATA is not set)\n";
  }
  for (const fs::path& file : files) {
    SCOPED_TRACE(file.filename().string());
    // Theirs have op,id,size,addr,reserved,segments.
    const auto theirs = lines_of(test::decompressed_xz(file));
    const auto ours = lines_of(replayed(file, settings_of(file)));
    expect_equal_lines(with_columns(ours, {0, 1, 2, 3, 8, 10}),
                       with_columns(theirs, {0, 1, 2, 3, 4, 5}));
  }
}

// The driver's addresses are imitated well enough that most traces go their way without them.
TEST(AllocatorTraces, EqualPyTorchsCountersWithoutItsAddresses) {
  for (const std::string name :
       {"random_a.default", "random_a.split32", "random_a.cap2048", "maxres_gpt2_xl.default",
        "cat_gpt2_xl_b4.default", "cat_gpt2_small_b8.pow2div4"}) {
    const fs::path file = data_folder() / (name + ".csv.xz");
    if (data_folder().empty() || !fs::exists(file)) {
      std::cerr << "SKIPPED: " << name << " is not there\n";
      continue;
    }
    SCOPED_TRACE(name);
    const auto theirs = lines_of(test::decompressed_xz(file));
    std::stringstream trace;
    for (const std::string& line : with_columns(theirs, {0, 1, 2})) {
      trace << line << "\n";
    }
    std::ostringstream rows;
    replay_trace(trace, name, *make_device_allocator(AllocatorSpec{settings_of(file)}), rows);
    const std::vector<std::size_t> all_but_address{0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11};
    expect_equal_lines(with_columns(lines_of(rows.str()), all_but_address),
                       with_columns(theirs, all_but_address));
  }
}

}  // namespace
}  // namespace tessera
