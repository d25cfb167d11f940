// What the tests of workloads share: sources from specs, traces from text, files that go away.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "sim/workload/trace.hpp"
#include "tessera/workload/request_source.hpp"

namespace tessera::workload_test {

// A folder of its own for a test, removed at the end.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    static std::atomic<int> number{0};
    const auto* const info = testing::UnitTest::GetInstance()->current_test_info();
    path_ = std::filesystem::temp_directory_path() /
            ("tessera_" + std::string(info != nullptr ? info->name() : "test") + "_" +
             std::to_string(::getpid()) + "_" + std::to_string(number++));
    std::filesystem::create_directories(path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string path() const { return path_.string(); }
  std::string write(const std::string& name, const std::string& text) const {
    const std::string file = (path_ / name).string();
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }

 private:
  std::filesystem::path path_;
};

inline std::unique_ptr<RequestSource> make_source(const WorkloadSpec& spec, std::uint64_t seed = 1,
                                                  const std::string& directory = "") {
  Diagnostics notes;
  return make_request_source(spec, seed, directory, notes);
}

// All that an open source has to give.
inline std::vector<Request> drain(RequestSource& source) {
  std::vector<Request> requests;
  while (source.next_arrival() < SimTime::max()) {
    const SimTime announced = source.next_arrival();
    requests.push_back(source.pop());
    EXPECT_EQ(requests.back().arrival, announced);
    EXPECT_EQ(number_of(requests.back().id), static_cast<std::int64_t>(requests.size()) - 1);
  }
  return requests;
}

inline std::vector<Request> requests_of(const WorkloadSpec& spec, std::uint64_t seed = 1,
                                        const std::string& directory = "") {
  return drain(*make_source(spec, seed, directory));
}

inline Trace trace_of(const std::string& text, const TraceArrivals& spec, Diagnostics& notes) {
  std::stringbuf buffer(text);
  return read_trace(buffer, "t.csv", spec, notes);
}

inline Trace trace_of(const std::string& text, const TraceArrivals& spec = {}) {
  Diagnostics notes;
  return trace_of(text, spec, notes);
}

// What a reader says to bad text; empty where it finds nothing wrong.
inline std::string complaint_about(const std::string& text, const TraceArrivals& spec = {}) {
  try {
    static_cast<void>(trace_of(text, spec));
    return "";
  } catch (const BadInput& bad) {
    return bad.what();
  }
}

// "arrival in ps:prompt:output", one behind the other.
inline std::string shown(const Trace& trace) {
  std::ostringstream out;
  for (const TraceRow& row : trace.rows) {
    out << static_cast<std::int64_t>(row.arrival.picoseconds()) << ":" << row.prompt << ":"
        << row.output << " ";
  }
  return out.str();
}

}  // namespace tessera::workload_test
