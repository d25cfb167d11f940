// tessera sweep: a table of runs, one for every combination of some values.

#include "tessera/study/sweep.hpp"

#include <algorithm>
#include <thread>

#include "sim/cli/interruption.hpp"
#include "sim/cli/notes.hpp"
#include "sim/cli/output_options.hpp"
#include "sim/cli/progress.hpp"
#include "sim/cli/scenario_options.hpp"
#include "sim/cli/sweep_table.hpp"
#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"

namespace tessera {
namespace {

constexpr std::int64_t most_threads = 1024;

void report_failure(const SweepPlan& plan, const SweepPoint& point, const std::string& reason) {
  complain("error: point " + point.id + " (" + settings_of(plan, point) + "): " + reason);
}

int dry_run(const SweepPlan& plan) {
  std::int64_t bad = 0;
  for (const SweepPoint& point : plan.points) {
    print(point.id + "  " + settings_of(plan, point) + (point.loaded ? "" : "  cannot run") + "\n");
    if (!point.loaded) {
      ++bad;
      report_failure(plan, point, point.reason);
    }
  }
  print(counted(static_cast<std::int64_t>(plan.points.size()), "point") + ", " + grouped(bad) +
        " of them cannot run\n");
  return bad > 0 ? ExitStatus::some_failed : ExitStatus::done;
}

std::vector<SweepRow> run_points(const SweepPlan& plan, const GivenOptions& given,
                                 const OutputFolder* folder, const Invocation& invocation) {
  const auto cores = static_cast<std::int64_t>(std::max(1U, std::thread::hardware_concurrency()));
  ProgressBar bar("points",
                  given.has("quiet") ? ProgressBar::Show::never : ProgressBar::Show::if_terminal);
  return run_sweep(plan, {.threads = given.number("jobs", 1, most_threads).value_or(cores),
                          .folder = folder,
                          .origin = {invocation.command_line},
                          .on_progress = [&bar](const SweepProgress& progress) {
                            bar.update(progress.finished, progress.total);
                          }});
}

void print_all_notes(const SweepPlan& plan, std::span<const SweepRow> rows) {
  Diagnostics notes;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (plan.points[i].loaded) {
      const Diagnostics& loading = plan.points[i].loaded->notes;
      notes.insert(notes.end(), loading.begin(), loading.end());
    }
    notes.insert(notes.end(), rows[i].notes.begin(), rows[i].notes.end());
  }
  print_notes(notes);
}

// Names the points that failed, and says with what status that ends.
int report_failures(const SweepPlan& plan, std::span<const SweepRow> rows) {
  int status = ExitStatus::done;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].status == PointStatus::failed) {
      report_failure(plan, plan.points[i], rows[i].reason);
      const int own = rows[i].internal_error ? ExitStatus::internal : ExitStatus::some_failed;
      status = std::max(status, own);
    }
  }
  return status;
}

}  // namespace

VerbOptions sweep_options() {
  VerbOptions options({
      .synopsis = "tessera sweep [SCENARIO] [--vary PATH=VALUE,VALUE…]… [options]",
      .about = "Runs every combination of the values of the scenario's 'sweep:' mapping and of "
               "--vary, which replaces\nor adds an axis. Rows come in the order of the grid, the "
               "last axis changing fastest.",
      .examples = "  tessera sweep scenarios/demo.yaml -j 2 -o out/s\n"
                  "  tessera sweep scenarios/t4_llama7b_int8.yaml --vary "
                  "engine.policy.max_num_seqs=1,2,4,8,16\n"
                  "  tessera sweep --model opt-2.7b --vary engine.kv_cache.kind=paged,contiguous "
                  "--vary seed=1,2,3\n",
  });
  options
      .repeatable("vary", "PATH=V1,V2",
                  "an axis: a path and its values, split at commas outside brackets")
      .value("jobs,j", "N", "threads (default: as many as the machine runs at once)")
      .flag("dry-run", "validate and list the points; run nothing");
  add_scenario_options(options);
  add_output_options(options);
  return options;
}

int sweep_verb(const Invocation& invocation) {
  const auto given = sweep_options().parse(invocation.arguments, {0, 1});
  if (!given) {
    return ExitStatus::done;
  }
  static_cast<void>(given->number("jobs", 1, most_threads));  // refused before any work
  std::vector<Axis> varied;
  for (const std::string& text : given->texts("vary")) {
    varied.push_back(parse_axis(text));
  }
  const SweepPlan plan = plan_sweep(scenario_text(*given), scenario_overrides(*given), varied);
  if (given->has("dry-run")) {
    return dry_run(plan);
  }
  std::vector<SweepRow> rows;
  if (const auto output = output_folder(*given)) {
    const Interruption interruption(output->staging());
    rows = run_points(plan, *given, output.get(), invocation);
    output->commit();
  } else {
    rows = run_points(plan, *given, nullptr, invocation);
  }
  print(sweep_table(plan, rows));
  if (const auto folder = given->text("output")) {
    print("\nThe table with every column is " + *folder +
          "/summary.csv; each point's files are in " + *folder + "/runs/\n");
  }
  if (!given->has("quiet")) {
    print_all_notes(plan, rows);
  }
  return report_failures(plan, rows);
}

}  // namespace tessera
