// A sweep: one run for every combination of the values that its axes take.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/config/load.hpp"
#include "tessera/metrics/output_folder.hpp"
#include "tessera/metrics/run_recorder.hpp"
#include "tessera/study/run.hpp"

namespace tessera {

// One combination of the axes' values.
struct SweepPoint {
  std::string id;                        // its number in row order, from "0000"; its folder's name
  std::vector<std::string> values;       // one an axis, as YAML text
  std::optional<LoadedScenario> loaded;  // absent: it cannot run
  std::string reason;                    // why it cannot; one line
};

struct SweepPlan {
  std::string scenario_name;  // as diagnostics call it
  std::string scenario_text;
  std::vector<Axis> axes;
  std::vector<SweepPoint> points;  // row-major: the last axis changes fastest
};

// Loads and validates every point. The axes are those of the text's `sweep:` mapping and, after
// them, `varied`; a varied path replaces the text's axis of that path in its place. The series
// (memory.csv, timeseries.csv) are off unless the text or an override asks for them.
// Throws WrongUsage when there is no axis, one is given twice or the grid is unreasonably large,
// and BadInput (or UnreadableFile) when not a single point can run.
[[nodiscard]] SweepPlan plan_sweep(const ScenarioText& text, std::span<const Override> overrides,
                                   std::span<const Axis> varied);

// "engine.policy.max_num_seqs=4, seed=7"
[[nodiscard]] std::string settings_of(const SweepPlan& plan, const SweepPoint& point);

enum class PointStatus { done, failed };
template <>
struct EnumNames<PointStatus> {
  static constexpr std::array<std::string_view, 2> names{"done", "failed"};
};

// What became of a point.
struct SweepRow {
  PointStatus status = PointStatus::failed;
  std::string reason;           // why it failed; one line
  bool internal_error = false;  // it failed by a bug of ours
  Summary summary;              // empty when it failed
  Diagnostics notes;
};

struct SweepProgress {
  std::int64_t finished = 0;  // points, failed ones too
  std::int64_t total = 0;
};

struct SweepExecution {
  std::int64_t threads = 1;
  const OutputFolder* folder = nullptr;  // null: no files
  RunOrigin origin;
  // Called after every point, from one thread at a time.
  std::function<void(const SweepProgress&)> on_progress;
};

// Runs the points, and with a folder writes runs/<id>/ of each, summary.csv and manifest.json into
// it (without committing it). Rows are in the order of the points whatever the number of threads.
// Throws OutputFailed, and BadInput (or UnreadableFile) when not a single point could be run.
[[nodiscard]] std::vector<SweepRow> run_sweep(const SweepPlan& plan,
                                              const SweepExecution& execution);

// summary.csv: point, the axes' paths, status, reason, and the columns of a run's summary.
[[nodiscard]] std::string sweep_csv(const SweepPlan& plan, std::span<const SweepRow> rows);

}  // namespace tessera
