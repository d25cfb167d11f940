#include "tessera/metrics/output_folder.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>

namespace tessera {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const std::string& what, const fs::path& path,
                       const std::error_code& error) {
  throw OutputFailed(what + " " + path.string() + ": " + error.message());
}

[[noreturn]] void refuse(const fs::path& path, const std::string& why) {
  throw OutputExists(path.string() + " " + why);
}

constexpr const char* give_force = "exists; give --force to replace it";

constexpr std::array<std::string_view, 22> own_names{
    "manifest.json",  "summary.csv",    "summary.json", "requests.csv",   "timeseries.csv",
    "memory.csv",     "iterations.csv", "steps.csv",    "request_kv.csv", "scenario.resolved.yaml",
    "scenario.yaml",  "trace.json",     "runs",         "pictures",       "sweep.json",
    "seeds.csv",      "report.html",    "ledger.csv",   "pareto.csv",     "winner.yaml",
    "generation.csv", "free_runs.csv"};

// Those of a sweep that was broken off, and of its shards.
bool is_of_a_shard(std::string_view name) {
  return name.starts_with(".work") || name.starts_with(".lock") ||
         (name.starts_with("summary.") && name.ends_with(".csv"));
}

// Whether our manifest, or an unfinished sweep's description, is there, and nothing that we do not
// write.
bool holds_only_results(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (std::find(own_names.begin(), own_names.end(), name) == own_names.end() &&
        !is_of_a_shard(name)) {
      return false;
    }
  }
  for (const char* name : {"manifest.json", "sweep.json"}) {
    std::ifstream manifest(folder / name);
    const std::string text{std::istreambuf_iterator<char>(manifest), {}};
    if (text.find("\"tessera_version\"") != std::string::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace

fs::path without_trailing_slash_or_link(fs::path path) {
  if (!path.has_filename() || path.filename() == "." || path.filename() == "..") {
    path = fs::absolute(path).lexically_normal();
    if (!path.has_filename()) {
      path = path.parent_path();
    }
  }
  std::error_code ignored;
  if (fs::is_symlink(fs::symlink_status(path, ignored))) {
    const fs::path target = fs::weakly_canonical(path, ignored);
    return ignored ? path : target;
  }
  return path;
}

// --force is for our own results: it must not delete somebody's home by a slip of the finger.
void check_existing(const fs::path& path, IfExists if_exists) {
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (status.type() == fs::file_type::not_found) {
    return;
  }
  if (status.type() == fs::file_type::none) {
    fail("cannot look at", path, error);
  }
  if (if_exists == IfExists::refuse) {
    refuse(path, give_force);
  }
  if (status.type() != fs::file_type::directory) {
    refuse(path, "exists and is not a folder: it is not replaced");
  }
  const bool empty = fs::is_empty(path, error);
  if (error) {
    fail("cannot look into", path, error);
  }
  if (!empty && !holds_only_results(path)) {
    refuse(path, "holds something else than results of Tessera: it is not replaced");
  }
}

// Two callers never share one, because creating a folder tells whether it was there.
fs::path fresh_folder_beside(const fs::path& path) {
  const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const std::string stem = ".tessera-" + std::to_string(::getpid()) + "-";
  for (int number = 0;; ++number) {
    fs::path candidate = parent / (stem + std::to_string(number));
    std::error_code error;
    if (fs::create_directory(candidate, error)) {
      return candidate;
    }
    // A name that another thread renames away in this very instant is reported as an error.
    if (error && error != std::errc::file_exists) {
      fail("cannot make the output folder", path, error);
    }
  }
}

OutputFolder::OutputFolder(fs::path path, IfExists if_exists, Parents parents)
    : path_(without_trailing_slash_or_link(std::move(path))), if_exists_(if_exists) {
  check_existing(path_, if_exists_);
  if (parents == Parents::make) {
    make_parents();
  }
  make_staging();
}

OutputFolder::~OutputFolder() {
  if (!committed_) {
    remove_staging();
  }
}

void OutputFolder::make_parents() {
  std::vector<fs::path> missing;
  std::error_code error;
  for (fs::path parent = path_.parent_path(); !parent.empty() && !fs::exists(parent, error);
       parent = parent.parent_path()) {
    missing.push_back(parent);
  }
  for (auto parent = missing.rbegin(); parent != missing.rend(); ++parent) {
    if (fs::create_directory(*parent, error)) {
      made_parents_.push_back(*parent);
    }
    if (error) {
      remove_staging();
      fail("cannot make the folder", *parent, error);
    }
  }
}

void OutputFolder::make_staging() {
  try {
    staging_ = fresh_folder_beside(path_);
  } catch (...) {
    remove_staging();
    throw;
  }
}

void OutputFolder::remove_staging() const {
  std::error_code ignored;
  if (!staging_.empty()) {
    fs::remove_all(staging_, ignored);
  }
  // Only empty folders go: somebody may have put something into them meanwhile.
  for (auto parent = made_parents_.rbegin(); parent != made_parents_.rend(); ++parent) {
    fs::remove(*parent, ignored);
  }
}

void OutputFolder::write(std::string_view name, std::string_view text) const {
  RowWriter file(staging_ / name);
  file.row() += text;
  file.close();
}

void OutputFolder::commit() {
  check_existing(path_, if_exists_);
  std::error_code error;
  fs::path old;
  if (fs::exists(fs::symlink_status(path_, error))) {
    old = fresh_folder_beside(path_);
    fs::rename(path_, old, error);  // onto an empty folder: it takes its place
    if (error) {
      std::error_code ignored;
      fs::remove(old, ignored);
      fail("cannot replace", path_, error);
    }
  }
  fs::rename(staging_, path_, error);
  if (error) {
    std::error_code ignored;
    if (!old.empty()) {
      fs::rename(old, path_, ignored);
    } else if (error == std::errc::directory_not_empty || error == std::errc::file_exists) {
      refuse(path_, give_force);
    }
    fail("cannot make the output folder", path_, error);
  }
  committed_ = true;
  if (!old.empty()) {
    fs::remove_all(old, error);
    if (error) {
      fail("cannot remove the replaced folder", old, error);
    }
  }
}

}  // namespace tessera
