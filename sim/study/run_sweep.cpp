// Has the points of a sweep run, and writes what they left in the order of the points.

#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "sim/study/finished_sweep.hpp"
#include "sim/study/parallel.hpp"
#include "sim/study/sweep_manifest.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/study/sha256.hpp"
#include "tessera/study/stopwatch.hpp"
#include "tessera/study/sweep.hpp"

namespace tessera {
namespace {

// Diagnostics, each once, in the order of the points whatever the order of coming.
class Heard {
 public:
  void add(std::int64_t point, const Diagnostics& diagnostics) {
    for (std::size_t i = 0; i < diagnostics.size(); ++i) {
      const auto place = std::pair(point, i);
      const auto [known, is_new] = first_.try_emplace(to_string(diagnostics[i]), place);
      if (is_new || place < known->second) {
        known->second = place;
        texts_[known->first] = diagnostics[i];
      }
    }
  }
  [[nodiscard]] Diagnostics take() const {
    std::map<std::pair<std::int64_t, std::size_t>, std::vector<Diagnostic>> ordered;
    for (const auto& [text, place] : first_) {
      ordered[place].push_back(texts_.at(text));
    }
    Diagnostics all;
    for (const auto& [place, diagnostics] : ordered) {
      all.insert(all.end(), diagnostics.begin(), diagnostics.end());
    }
    return all;
  }

 private:
  std::map<std::string, std::pair<std::int64_t, std::size_t>> first_;
  std::map<std::string, Diagnostic> texts_;
};

// What the outcomes amount to, one after another.
class Collected {
 public:
  Collected(const SweepExecution& execution, std::vector<std::int64_t> points)
      : execution_(execution),
        points_(std::move(points)),
        progress_{0, 0, static_cast<std::int64_t>(points_.size())} {
    result_.table.rows.resize(points_.size());
  }

  [[nodiscard]] const std::vector<std::int64_t>& points() const { return points_; }

  void take(PointOutcome outcome) {
    const auto at = std::lower_bound(points_.begin(), points_.end(), outcome.row.point);
    TESSERA_INVARIANT(at != points_.end() && *at == outcome.row.point, "a point of the work");
    if (!outcome.columns.empty()) {
      result_.table.columns = std::move(outcome.columns);
    }
    notes_.add(outcome.row.point, outcome.notes);
    problems_.add(outcome.row.point, outcome.problems);
    unreadable_ = unreadable_ || outcome.unreadable;
    any_internal_error_ = any_internal_error_ || outcome.row.internal_error;
    result_.table.rows[static_cast<std::size_t>(at - points_.begin())] = std::move(outcome.row);
    ++progress_.finished;
    progress_.kept += outcome.kept ? 1 : 0;
    if (execution_.on_progress) {
      execution_.on_progress(progress_);
    }
  }

  // Throws when a whole sweep came to nothing.
  [[nodiscard]] SweepResult finish() {
    TESSERA_INVARIANT(progress_.finished == progress_.total, "every point was run");
    if (result_.table.columns.empty() && execution_.shard.is_whole() && !any_internal_error_) {
      if (unreadable_) {
        throw UnreadableFile(problems_.take());
      }
      throw BadInput(problems_.take());
    }
    result_.notes = notes_.take();
    return std::move(result_);
  }

 private:
  const SweepExecution& execution_;
  std::vector<std::int64_t> points_;
  SweepProgress progress_;
  SweepResult result_;
  Heard notes_;
  Heard problems_;
  bool unreadable_ = false;
  bool any_internal_error_ = false;
};

// The files that tell of all points.
void write_tables(const SweepPlan& plan, const SweepExecution& execution, const SweepRows& table,
                  const Stopwatch& stopwatch) {
  SweepFolder& folder = *execution.folder;
  const std::string csv = sweep_csv(plan, table);
  if (!execution.shard.is_whole()) {
    folder.write(folder.places().table_name(), csv);
    return;
  }
  const auto failed = std::count_if(table.rows.begin(), table.rows.end(), [](const SweepRow& row) {
    return row.status == PointStatus::failed;
  });
  const SweepManifest contents{sha256(plan.text.text()), plan.num_points, failed,
                               execution.num_workers};
  write_finished_sweep(
      csv, sweep_manifest(contents, execution.origin, stopwatch),
      [&](std::string_view name, std::string_view text) { folder.write(name, text); });
}

}  // namespace

SweepWorkers on_threads(std::int64_t count) {
  return [count](const SweepWork& work) {
    std::mutex taking;
    const auto most = static_cast<std::int64_t>(work.points.size());
    for_each_in_parallel(most, count, [&](std::int64_t index) {
      const std::int64_t point = work.points[static_cast<std::size_t>(index)];
      PointOutcome outcome = run_point(work.plan, work.places, work.origin, point);
      const std::lock_guard lock(taking);
      work.take(std::move(outcome));
    });
  };
}

SweepResult run_sweep(const SweepPlan& plan, const SweepExecution& execution) {
  const Stopwatch stopwatch;
  const SweepPlaces* const places =
      execution.folder != nullptr ? &execution.folder->places() : nullptr;
  Collected collected(execution, points_of(plan, execution.shard));
  const auto take = [&](PointOutcome outcome) { collected.take(std::move(outcome)); };
  execution.workers({collected.points(), plan, places, execution.origin, take});
  SweepResult result = collected.finish();
  if (execution.folder != nullptr) {
    write_tables(plan, execution, result.table, stopwatch);
    execution.folder->finish();
  }
  return result;
}

}  // namespace tessera
