// One point of a sweep, from its number to its row and its files.

#include <fstream>
#include <iterator>
#include <optional>

#include "sim/study/csv_rows.hpp"
#include "sim/study/one_line.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/study/sweep.hpp"

namespace tessera {
namespace fs = std::filesystem;
namespace {

std::string text_or_nothing(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void take_summary(PointOutcome& outcome, const Summary& summary) {
  for (const SummaryCell& number : summary) {
    append_csv(outcome.columns, number.column);
    append_csv(outcome.row.summary, number.value);
    const bool last = &number == &summary.back();
    outcome.columns += last ? "" : ",";
    outcome.row.summary += last ? "" : ",";
  }
}

// Whether the files of a point are there, whole, and of this very scenario. Renaming tells that
// they are whole after a killed process; only their text does after a crash of the machine.
bool keep(const fs::path& run, const LoadedScenario& loaded, PointOutcome& outcome) {
  if (text_or_nothing(run / "manifest.json").empty() ||
      text_or_nothing(run / "scenario.resolved.yaml") != resolved_yaml(loaded.scenario)) {
    return false;
  }
  const std::string text = text_or_nothing(run / "summary.csv");
  const std::vector<std::string_view> rows = csv_rows(text);
  if (rows.size() != 2 || !text.ends_with('\n') ||
      csv_cells(rows[0]).size() != csv_cells(rows[1]).size()) {
    return false;
  }
  outcome.columns = rows[0];
  outcome.row.summary = rows[1];
  outcome.kept = true;
  return true;
}

// Puts a finished point into its place.
void move_to(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::remove_all(to, error);
  fs::rename(from, to, error);
  if (error == std::errc::directory_not_empty || error == std::errc::file_exists) {
    // Another process has finished the same point: with the same bytes.
    fs::remove_all(from, error);
    return;
  }
  if (error) {
    throw OutputFailed("cannot make the folder " + to.string() + ": " + error.message());
  }
}

void simulate_point(const LoadedScenario& loaded, const SweepPlaces* places, const std::string& id,
                    const RunOrigin& origin, PointOutcome& outcome) {
  if (places != nullptr && keep(places->run(id), loaded, outcome)) {
    return;
  }
  std::optional<OutputFolder> folder;
  if (places != nullptr) {
    // An interruption removes what is at work while this thread goes on: it must not come back.
    folder.emplace(places->work() / id, IfExists::refuse, Parents::must_be_there);
  }
  RunResult result = run_scenario(loaded, folder ? &*folder : nullptr, origin);
  if (folder) {
    folder->commit();
    move_to(folder->path(), places->run(id));
  }
  take_summary(outcome, result.summary);
  outcome.notes.insert(outcome.notes.end(), result.notes.begin(), result.notes.end());
}

}  // namespace

PointOutcome run_point(const SweepPlan& plan, const SweepPlaces* places, const RunOrigin& origin,
                       std::int64_t point) {
  PointOutcome outcome;
  outcome.row.point = point;
  try {
    // Loaded by whoever runs it: nothing that a run could write to is shared between threads.
    const LoadedScenario loaded = load_point(plan, point);
    outcome.notes = loaded.notes;
    simulate_point(loaded, places, point_id(plan, point), origin, outcome);
    outcome.row.status = PointStatus::done;
  } catch (const BadInput& failure) {
    outcome.row.reason = one_line(failure.what());
    outcome.problems = failure.diagnostics();
    outcome.unreadable = dynamic_cast<const UnreadableFile*>(&failure) != nullptr;
  } catch (const InvariantViolation& failure) {
    outcome.row.reason = "internal error: " + one_line(failure.what());
    outcome.row.internal_error = true;
  }
  return outcome;
}

}  // namespace tessera
