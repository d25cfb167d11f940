#include "tessera/study/sweep_folder.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <iterator>

#include "tessera/core/version.hpp"
#include "tessera/metrics/json_writer.hpp"
#include "tessera/study/sha256.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

constexpr const char* description_name = "sweep.json";

std::string with_shard(const std::string& stem, SweepShard shard) {
  if (shard.is_whole()) {
    return stem;
  }
  return stem + std::to_string(shard.number) + "-of-" + std::to_string(shard.count);
}

[[noreturn]] void fail(const std::string& what, const fs::path& path,
                       const std::error_code& error) {
  throw OutputFailed(what + " " + path.string() + ": " + error.message());
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) {
    fail("cannot make the folder", path, error);
  }
}

bool is_there(const fs::path& path) {
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

// Whether `locked` is still what the path names: another process may have finished meanwhile.
bool still_names(const fs::path& path, int locked) {
  struct stat named {};
  struct stat open {};
  return stat(path.c_str(), &named) == 0 && fstat(locked, &open) == 0 &&
         named.st_ino == open.st_ino && named.st_dev == open.st_dev;
}

// Holds the lock file, or throws when somebody else does. A file system without locks has none to
// give, and two sweeps in one folder are then the user's to avoid.
int locked_file(const fs::path& path) {
  for (;;) {
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) {
      fail("cannot make the lock", path, {errno, std::generic_category()});
    }
    if (flock(file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
      close(file);
      throw OutputExists(path.parent_path().string() +
                         " is being worked on by another process; wait for it, or end it first");
    }
    if (still_names(path, file)) {
      return file;
    }
    close(file);
  }
}

void write_by_way_of(const fs::path& unfinished, const fs::path& path, std::string_view text) {
  RowWriter file(unfinished);
  file.row() += text;
  file.close();
  std::error_code error;
  fs::rename(unfinished, path, error);
  if (error) {
    fail("cannot write", path, error);
  }
}

}  // namespace

fs::path SweepPlaces::run(std::string_view id) const {
  return folder / "runs" / id;
}

fs::path SweepPlaces::work() const {
  return folder / with_shard(shard.is_whole() ? ".work" : ".work-", shard);
}

std::string SweepPlaces::table_name() const {
  return with_shard(shard.is_whole() ? "summary" : "summary.", shard) + ".csv";
}

SweepFolder::SweepFolder(const fs::path& path, const SweepPlan& plan, SweepShard shard,
                         SweepOpening opening)
    : places_{without_trailing_slash_or_link(path), shard} {
  if (opening == SweepOpening::replace && is_there(places_.folder)) {
    set_aside_what_is_there();
  }
  joined_ = is_there(places_.folder) && !fs::is_empty(places_.folder);
  const std::string description = describe_sweep(plan);
  if (joined_) {
    check_joining(description, opening);
  }
  make_folder(places_.folder);
  lock_path_ = places_.folder / with_shard(shard.is_whole() ? ".lock" : ".lock-", shard);
  lock_ = locked_file(lock_path_);
  // What a killed process left at work is of no use to anybody.
  std::error_code error;
  fs::remove_all(places_.work(), error);
  make_folder(places_.work());
  make_folder(places_.folder / "runs");
  write(description_name, description);
}

SweepFolder::~SweepFolder() {
  abandon();
}

void SweepFolder::set_aside_what_is_there() {
  if (!places_.shard.is_whole()) {
    throw WrongUsage("--force would remove what the other shards have done; remove " +
                     places_.folder.string() + " first, or give --resume");
  }
  check_existing(places_.folder, IfExists::replace);
  std::error_code error;
  set_aside_ = fresh_folder_beside(places_.folder);
  fs::rename(places_.folder, set_aside_, error);
  if (error) {
    std::error_code ignored;
    fs::remove(set_aside_, ignored);
    fail("cannot replace", places_.folder, error);
  }
}

// Throws unless the folder that is there may be worked in.
void SweepFolder::check_joining(const std::string& description, SweepOpening opening) const {
  const std::string name = places_.folder.string();
  const fs::path described = places_.folder / description_name;
  const bool has_begun =
      is_there(places_.work()) || is_there(places_.folder / places_.table_name());
  if (opening == SweepOpening::begin &&
      (places_.shard.is_whole() || has_begun || !is_there(described))) {
    throw OutputExists(name + " exists; give --resume to finish it, or --force to replace it");
  }
  if (!is_there(described)) {
    throw OutputExists(name + " holds no sweep that could be resumed");
  }
  if (text_of_file(described) != description) {
    throw OutputExists(name +
                       " holds another sweep, or one by another build of tessera (its sweep.json "
                       "says which); name another folder, or give --force to replace it");
  }
}

void SweepFolder::write(std::string_view name, std::string_view text) const {
  write_by_way_of(places_.work() / name, places_.folder / name, text);
}

void SweepFolder::close_lock() {
  std::error_code ignored;
  fs::remove(lock_path_, ignored);
  if (lock_ >= 0) {
    close(lock_);
    lock_ = -1;
  }
}

void SweepFolder::finish() {
  const std::lock_guard guard(mutex_);
  std::error_code ignored;
  fs::remove_all(places_.work(), ignored);
  fs::remove_all(set_aside_, ignored);
  if (places_.shard.is_whole()) {
    remove_what_shards_left();
  }
  close_lock();
  closed_ = true;
}

// A whole sweep has all their points, and leaves the same files whoever began it.
void SweepFolder::remove_what_shards_left() const {
  std::error_code ignored;
  std::vector<fs::path> left;
  for (const auto& entry : fs::directory_iterator(places_.folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(".work-") || name.starts_with(".lock-") ||
        (name.starts_with("summary.") && name.find("-of-") != std::string::npos)) {
      left.push_back(entry.path());
    }
  }
  for (const fs::path& path : left) {
    fs::remove_all(path, ignored);
  }
}

void SweepFolder::abandon() noexcept {
  const std::lock_guard guard(mutex_);
  if (closed_) {
    return;
  }
  closed_ = true;
  std::error_code ignored;
  // Points at work in other threads may add to the folder while it goes.
  for (int attempt = 0; attempt < 10 && is_there(places_.work()); ++attempt) {
    fs::remove_all(places_.work(), ignored);
  }
  close_lock();
  if (can_be_resumed() || joined_ || !places_.shard.is_whole()) {
    fs::remove_all(set_aside_, ignored);
    return;
  }
  fs::remove_all(places_.folder, ignored);
  if (!set_aside_.empty()) {
    fs::rename(set_aside_, places_.folder, ignored);
  }
}

bool SweepFolder::can_be_resumed() const {
  std::error_code error;
  const bool none = fs::is_empty(places_.folder / "runs", error);
  return !error && !none;
}

std::string describe_sweep(const SweepPlan& plan) {
  JsonWriter json;
  json.string("tessera_version", version());
  json.string("git_hash", git_hash());
  json.string("scenario_sha256", sha256(plan.text.text()));
  json.open_array("set");
  for (const Override& fixed : plan.fixed) {
    json.element(fixed.path + "=" + fixed.value);
  }
  json.close();
  json.open_object("axes");
  for (std::size_t i = 0; i < plan.groups.size(); ++i) {
    json.open_object(std::to_string(i + 1));
    for (const Axis& axis : plan.groups[i].axes) {
      json.open_array(axis.path);
      for (const std::string& value : axis.values) {
        json.element(value);
      }
      json.close();
    }
    json.close();
  }
  json.close();
  json.integer("num_points", plan.num_points);
  return json.finish();
}

void write_at_once(const fs::path& path, std::string_view text) {
  write_by_way_of(path.parent_path() / (".work-" + path.filename().string()), path, text);
}

std::string text_of_file(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) {
    throw UnreadableFile(Place{path.string(), 0, 0}, "cannot read this file");
  }
  return text;
}

}  // namespace tessera
