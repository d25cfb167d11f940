// A sweep: one run for every combination of the values that its axes take.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/metrics/run_recorder.hpp"
#include "tessera/study/run.hpp"
#include "tessera/study/sweep_folder.hpp"
#include "tessera/study/sweep_plan.hpp"

namespace tessera {

enum class PointStatus { done, failed };
template <>
struct EnumNames<PointStatus> {
  static constexpr std::array<std::string_view, 2> names{"done", "failed"};
};

// What became of a point.
struct SweepRow {
  std::int64_t point = 0;
  PointStatus status = PointStatus::failed;
  std::string reason;           // why it failed; one line
  bool internal_error = false;  // it failed by a bug of ours
  std::string summary;          // the row of its run's summary.csv, without the line's end
};

// The rows of a sweep, or of one shard of it, in the order of the points.
struct SweepRows {
  std::string columns;  // the header of the runs' summary.csv; empty when every point failed
  std::vector<SweepRow> rows;
};

// One row's numbers. Empty for a point that failed.
[[nodiscard]] Summary summary_of(const SweepRows& table, const SweepRow& row);

// What a point leaves behind.
struct PointOutcome {
  SweepRow row;
  std::string columns;      // the header of its run's summary.csv; empty when it failed
  Diagnostics problems;     // why it failed, where that was bad input
  bool unreadable = false;  // a file that it needs cannot be read
  Diagnostics notes;        // what the user should hear
  bool kept = false;        // its files were there already
};

// Runs one point, or keeps what `places` (null: no files) holds of it. Thread-safe.
// Throws OutputFailed; what is wrong with the point itself is in the outcome.
[[nodiscard]] PointOutcome run_point(const SweepPlan& plan, const SweepPlaces* places,
                                     const RunOrigin& origin, std::int64_t point);

// Points to run, what run_point() needs for them, and where the outcomes go.
struct SweepWork {
  std::span<const std::int64_t> points;
  const SweepPlan& plan;
  const SweepPlaces* places;  // null: no files
  const RunOrigin& origin;
  std::function<void(PointOutcome)> take;  // to be called once a point, by one thread at a time
};
// Runs the points of a work, in any order.
using SweepWorkers = std::function<void(const SweepWork&)>;

// Threads of this process, which share nothing but the number of the next point.
[[nodiscard]] SweepWorkers on_threads(std::int64_t count);

struct SweepProgress {
  std::int64_t finished = 0;  // points, failed ones too
  std::int64_t kept = 0;      // those of them that were there already
  std::int64_t total = 0;
};

struct SweepExecution {
  SweepWorkers workers;
  std::int64_t num_workers = 1;   // as the manifest tells it
  SweepFolder* folder = nullptr;  // null: no files
  SweepShard shard;
  RunOrigin origin;
  // Called after every point, from one thread at a time.
  std::function<void(const SweepProgress&)> on_progress;
};

struct SweepResult {
  SweepRows table;
  Diagnostics notes;  // each once, in the order of the points
};

// Runs the points of the shard, and with a folder writes runs/<id>/ of each, then the tables and
// manifest.json, and finishes the folder. The result, and all files but the manifests, are the same
// whoever ran the points, in whatever order, and however often the work was broken off and resumed.
// Throws OutputFailed, and BadInput (or UnreadableFile) when not a single point of a whole sweep
// could be run.
[[nodiscard]] SweepResult run_sweep(const SweepPlan& plan, const SweepExecution& execution);

// summary.csv: point, the axes' paths, status, reason, and the columns of a run's summary.
[[nodiscard]] std::string sweep_csv(const SweepPlan& plan, const SweepRows& table);

}  // namespace tessera
