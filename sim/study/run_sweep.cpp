// Runs the points of a sweep on threads that share nothing but a queue of numbers.

#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <mutex>
#include <thread>

#include "sim/study/one_line.hpp"
#include "sim/study/stopwatch.hpp"
#include "sim/study/sweep_manifest.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/study/sweep.hpp"

namespace tessera {
namespace {

RunResult run_point(const SweepPoint& point, const SweepExecution& execution) {
  // A copy of its own: nothing that a run could write to is shared between threads.
  const LoadedScenario loaded = *point.loaded;
  if (execution.folder == nullptr) {
    return run_scenario(loaded, nullptr, execution.origin);
  }
  OutputFolder folder(execution.folder->staging() / "runs" / point.id, IfExists::refuse);
  RunResult result = run_scenario(loaded, &folder, execution.origin);
  folder.commit();
  return result;
}

// The state that the threads share.
class Sweep {
 public:
  Sweep(const SweepPlan& plan, const SweepExecution& execution)
      : plan_(plan), execution_(execution), rows_(plan.points.size()) {}

  // Takes points until there are none, or until one fails in a way that ends the sweep.
  void work() {
    while (!stopped_) {
      const std::size_t index = next_++;
      if (index >= plan_.points.size()) {
        return;
      }
      try {
        rows_[index] = row_of(index);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
        fatal_ = std::current_exception();
        return;
      }
      report_progress();
    }
  }

  [[nodiscard]] std::vector<SweepRow> take_rows() {
    if (fatal_) {
      std::rethrow_exception(fatal_);
    }
    const bool any_done = std::any_of(rows_.begin(), rows_.end(), [](const SweepRow& row) {
      return row.status == PointStatus::done;
    });
    if (!any_done && bad_input_) {
      std::rethrow_exception(bad_input_);
    }
    return std::move(rows_);
  }

 private:
  SweepRow row_of(std::size_t index) {
    const SweepPoint& point = plan_.points[index];
    SweepRow row;
    if (!point.loaded) {
      row.reason = point.reason;
      return row;
    }
    try {
      RunResult result = run_point(point, execution_);
      row.status = PointStatus::done;
      row.summary = std::move(result.summary);
      row.notes = std::move(result.notes);
    } catch (const BadInput& failure) {
      row.reason = one_line(failure.what());
      const std::lock_guard lock(mutex_);
      if (!bad_input_ || index < bad_index_) {
        bad_input_ = std::current_exception();
        bad_index_ = index;
      }
    } catch (const InvariantViolation& failure) {
      row.reason = "internal error: " + one_line(failure.what());
      row.internal_error = true;
    }
    return row;
  }

  void report_progress() {
    const std::lock_guard lock(mutex_);
    ++finished_;
    if (execution_.on_progress) {
      execution_.on_progress({finished_, static_cast<std::int64_t>(plan_.points.size())});
    }
  }

  const SweepPlan& plan_;
  const SweepExecution& execution_;
  std::vector<SweepRow> rows_;  // each written by the one thread that took its point
  std::atomic<std::size_t> next_ = 0;
  std::atomic<bool> stopped_ = false;
  std::mutex mutex_;  // of what follows
  std::int64_t finished_ = 0;
  std::exception_ptr fatal_;
  std::exception_ptr bad_input_;  // of the first such point, in the order of the points
  std::size_t bad_index_ = 0;
};

void make_folder(const std::filesystem::path& path) {
  std::error_code failed;
  std::filesystem::create_directories(path, failed);
  if (failed) {
    throw OutputFailed("cannot make the folder " + path.string() + ": " + failed.message());
  }
}

}  // namespace

std::vector<SweepRow> run_sweep(const SweepPlan& plan, const SweepExecution& execution) {
  const Stopwatch stopwatch;
  if (execution.folder != nullptr) {
    make_folder(execution.folder->staging() / "runs");
  }
  Sweep sweep(plan, execution);
  const auto threads =
      std::clamp<std::int64_t>(execution.threads, 1, static_cast<std::int64_t>(plan.points.size()));
  {
    std::vector<std::jthread> workers;
    for (std::int64_t i = 1; i < threads; ++i) {
      workers.emplace_back([&sweep] { sweep.work(); });
    }
    sweep.work();
  }
  std::vector<SweepRow> rows = sweep.take_rows();
  if (execution.folder != nullptr) {
    execution.folder->write("summary.csv", sweep_csv(plan, rows));
    execution.folder->write("manifest.json", sweep_manifest(plan, rows, execution, stopwatch));
  }
  return rows;
}

}  // namespace tessera
