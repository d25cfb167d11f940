// Runs the program as a user's shell does, and keeps what it said.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/temporary_folder.hpp"

namespace tessera::test {

struct Finished {
  int status = 0;  // exit status; a signal's number + 1000 where one ended it
  std::string out;
  std::string err;
};

struct Circumstances {
  std::string stdout_path;                 // empty: captured
  unsigned long long file_size_limit = 0;  // 0: none
};

// A folder of its own for a test, gone afterwards; the program runs in it.
class Workplace {
 public:
  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }
  [[nodiscard]] Finished run(const std::vector<std::string>& arguments,
                             const Circumstances& circumstances = {}) const;
  void write(const std::string& name, const std::string& text) const;
  [[nodiscard]] std::string read(const std::filesystem::path& name) const;
  // Everything below a folder, sorted, relative to it.
  [[nodiscard]] std::vector<std::string> files_below(const std::filesystem::path& name) const;

 private:
  TemporaryFolder folder_;
  TemporaryFolder captured_;
};

// A scenario that runs in a few milliseconds: 40 requests on a T4.
[[nodiscard]] std::string small_scenario();

}  // namespace tessera::test
