// The folder of a sweep while it is worked on: many processes may write into it, and any of them
// may be killed at any moment.
//
//   sweep.json               which sweep this is: build, scenario, axes
//   runs/<id>/               a finished point; appears whole, by renaming
//   .work/, .work-3-of-16/   points at hand, of the whole sweep or of one shard; what is in there
//                            when somebody begins belongs to nobody
//   .lock, .lock-3-of-16     held while the sweep or the shard is worked on
//   summary.3-of-16.csv      the rows of a finished shard
//   summary.csv, manifest.json, seeds.csv   the finished sweep
#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>

#include "tessera/metrics/output_folder.hpp"
#include "tessera/study/sweep_plan.hpp"

namespace tessera {

// Where the files of a sweep's points lie.
struct SweepPlaces {
  std::filesystem::path folder;
  SweepShard shard;

  [[nodiscard]] std::filesystem::path run(std::string_view id) const;
  [[nodiscard]] std::filesystem::path work() const;
  // The table of the shard's rows, or of the whole sweep's.
  [[nodiscard]] std::string table_name() const;
};

enum class SweepOpening {
  begin,    // refuse a folder that is there, unless other shards of this sweep are in it
  replace,  // set aside what is there
  resume,   // keep the finished points of what is there, if it is this sweep
};

class SweepFolder {
 public:
  // Throws OutputExists when the folder is there and may not be used: it holds another sweep, or
  // somebody else works on this one. Throws OutputFailed.
  SweepFolder(const std::filesystem::path& path, const SweepPlan& plan, SweepShard shard,
              SweepOpening opening);
  SweepFolder(const SweepFolder&) = delete;
  SweepFolder& operator=(const SweepFolder&) = delete;
  // Without finish(), abandons the work.
  ~SweepFolder();

  [[nodiscard]] const SweepPlaces& places() const { return places_; }
  // Writes one whole file, which appears at once. Throws OutputFailed.
  void write(std::string_view name, std::string_view text) const;
  // The work is done: the tables are written.
  void finish();
  // Leaves finished points to be resumed. Where there are none, leaves the place as it was found.
  // For an interruption: points may still be at work in other threads.
  void abandon() noexcept;
  // Whether abandon() left finished points behind.
  [[nodiscard]] bool can_be_resumed() const;

 private:
  void set_aside_what_is_there();
  void check_joining(const std::string& description, SweepOpening opening) const;
  void close_lock();
  void remove_what_shards_left() const;

  SweepPlaces places_;
  std::filesystem::path set_aside_;  // what was there before; empty: nothing
  bool joined_ = false;              // the folder was there, and not empty
  std::filesystem::path lock_path_;
  int lock_ = -1;
  std::mutex mutex_;  // an interruption comes from another thread
  bool closed_ = false;
};

// sweep.json: equal for equal sweeps by the same build.
[[nodiscard]] std::string describe_sweep(const SweepPlan& plan);

// Writes a file beside its place and renames it: it appears whole. Throws OutputFailed.
void write_at_once(const std::filesystem::path& path, std::string_view text);
// A file's text. Throws UnreadableFile.
[[nodiscard]] std::string text_of_file(const std::filesystem::path& path);

}  // namespace tessera
