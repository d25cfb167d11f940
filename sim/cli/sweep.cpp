// tessera sweep: a table of runs, one for every combination of some values.

#include "tessera/study/sweep.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <thread>

#include "sim/cli/failures.hpp"
#include "sim/cli/interruption.hpp"
#include "sim/cli/notes.hpp"
#include "sim/cli/output_options.hpp"
#include "sim/cli/progress.hpp"
#include "sim/cli/scenario_options.hpp"
#include "sim/cli/sweep_options.hpp"
#include "sim/cli/sweep_table.hpp"
#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"

namespace tessera {
namespace {

SweepOpening opening_of(const GivenOptions& given) {
  if (given.has("resume")) {
    if (given.has("force")) {
      throw WrongUsage("--resume keeps what the folder holds and --force replaces it: give one");
    }
    return SweepOpening::resume;
  }
  return given.has("force") ? SweepOpening::replace : SweepOpening::begin;
}

SweepShard shard_of(const GivenOptions& given) {
  const auto text = given.text("shard");
  return text ? parse_shard(*text) : SweepShard{};
}

void check_usage(const GivenOptions& given, const Invocation& invocation) {
  (void)jobs_of(given);
  (void)shard_of(given);
  (void)opening_of(given);
  if (given.has("jobs") && invocation.crew != nullptr) {
    throw WrongUsage("mpirun says how many processes run points: leave out -j");
  }
  for (const char* option : {"resume", "shard"}) {
    if (given.has(option) && !given.has("output") && !given.has("dry-run")) {
      throw WrongUsage("--" + std::string(option) +
                       " is about a folder of results: name it with -o");
    }
  }
}

// Null when -o was not given. Throws WrongUsage, OutputExists, OutputFailed.
std::unique_ptr<SweepFolder> sweep_folder(const GivenOptions& given, const SweepPlan& plan) {
  const auto path = output_path(given);
  if (!path) {
    return nullptr;
  }
  return std::make_unique<SweepFolder>(*path, plan, shard_of(given), opening_of(given));
}

int dry_run(const SweepPlan& plan, SweepShard shard) {
  Failures failures;
  const std::vector<std::int64_t> points = points_of(plan, shard);
  for (const std::int64_t point : points) {
    std::string line = point_id(plan, point) + "  " + point_settings(plan, point);
    try {
      (void)load_point(plan, point);
    } catch (const BadInput& failure) {
      line += "  cannot run";
      failures.add(plan, point, failure.what());
    }
    print(line + "\n");
  }
  failures.report();
  print(counted(static_cast<std::int64_t>(points.size()), "point") + ", " +
        grouped(failures.count()) + " of them cannot run\n");
  return failures.count() > 0 ? ExitStatus::some_failed : ExitStatus::done;
}

// "tessera sweep … --resume" finishes what an interruption left.
void say_what_is_left(SweepFolder& folder) {
  folder.abandon();
  if (folder.can_be_resumed()) {
    complain("interrupted; the finished points are in " + folder.places().folder.string() +
             ", and the same command with --resume does the rest");
  }
}

SweepResult run_points(const SweepPlan& plan, const GivenOptions& given, SweepFolder* folder,
                       const Invocation& invocation) {
  ProgressBar bar("points",
                  given.has("quiet") ? ProgressBar::Show::never : ProgressBar::Show::if_terminal);
  SweepExecution execution;
  const std::int64_t jobs = jobs_of(given);
  execution.workers = invocation.crew != nullptr ? invocation.crew->workers : on_threads(jobs);
  execution.num_workers = invocation.crew != nullptr ? invocation.crew->size : jobs;
  execution.folder = folder;
  execution.shard = shard_of(given);
  execution.origin = {invocation.command_line};
  execution.on_progress = [&bar](const SweepProgress& progress) {
    bar.update(progress.finished, progress.total, progress.kept);
  };
  return run_sweep(plan, execution);
}

void say_where_the_files_are(const GivenOptions& given) {
  const auto folder = given.text("output");
  if (!folder) {
    return;
  }
  const SweepShard shard = shard_of(given);
  if (shard.is_whole()) {
    print("\nThe table with every column is " + *folder +
          "/summary.csv; each point's files are in " + *folder + "/runs/\n");
  } else {
    print("\nShard " + std::to_string(shard.number) + " of " + std::to_string(shard.count) +
          " is finished; when all are, 'tessera merge " + *folder + "' makes the table\n");
  }
}

// Names the points that failed, and says with what status that ends.
int report_failures(const SweepPlan& plan, const SweepRows& table) {
  Failures failures;
  int status = ExitStatus::done;
  for (const SweepRow& row : table.rows) {
    if (row.status == PointStatus::failed) {
      failures.add(plan, row.point, row.reason);
      const int own = row.internal_error ? ExitStatus::internal : ExitStatus::some_failed;
      status = std::max(status, own);
    }
  }
  failures.report();
  return status;
}

}  // namespace

VerbOptions sweep_options() {
  VerbOptions options({
      .synopsis = "tessera sweep [SCENARIO] [--vary PATH=VALUE,VALUE…]… [options]",
      .about = "Runs every combination of the values of the scenario's 'sweep:' mapping and of "
               "--vary and --zip, which\nreplace or add axes. Rows come in the order of the grid, "
               "the last axis changing fastest.\nA value may be a range: 1..64*2 doubles, 1..4+0.5 "
               "adds, 1..10 counts; a unit may follow.\nWhere seeds vary, seeds.csv holds means "
               "over them with 95 % confidence intervals.\nWith -o, a sweep that was broken off "
               "goes on with --resume, and shards of it may run anywhere.",
      .examples = "  tessera sweep scenarios/demo.yaml -j 2 -o out/s\n"
                  "  tessera sweep scenarios/t4_llama7b_int8.yaml --vary "
                  "engine.policy.max_num_seqs=1..64*2 --vary seed=1..5\n"
                  "  tessera sweep --zip 'model=opt-1.3b,opt-2.7b;workload.arrivals.rate=4 /s,2 "
                  "/s'\n"
                  "  tessera sweep scenarios/study.yaml --shard 3/16 --resume -o out/s\n",
  });
  add_axis_options(options);
  options.value("jobs,j", "N", "threads (default: as many as the machine runs at once)")
      .flag("dry-run", "validate and list the points; run nothing")
      .flag("resume", "keep the finished points of the folder, and do the rest")
      .value("shard", "I/N", "only every N-th point, from the I-th on; 'tessera merge' joins them");
  add_scenario_options(options);
  add_output_options(options);
  return options;
}

int sweep_verb(const Invocation& invocation) {
  const auto given = sweep_options().parse(invocation.arguments, {0, 1});
  if (!given) {
    return ExitStatus::done;
  }
  check_usage(*given, invocation);  // before any work
  const SweepPlan plan =
      plan_sweep(scenario_text(*given), scenario_overrides(*given), varied_axes(*given));
  if (given->has("dry-run")) {
    return dry_run(plan, shard_of(*given));
  }
  SweepResult result;
  if (const auto folder = sweep_folder(*given, plan)) {
    const Interruption interruption([&folder] { say_what_is_left(*folder); });
    result = run_points(plan, *given, folder.get(), invocation);
  } else {
    result = run_points(plan, *given, nullptr, invocation);
  }
  print(sweep_table(plan, result.table));
  if (const auto seeds = seeds_table(sweep_csv(plan, result.table))) {
    print("\n" + seeds_text(*seeds));
  }
  say_where_the_files_are(*given);
  if (!given->has("quiet")) {
    print_notes(result.notes);
  }
  return report_failures(plan, result.table);
}

}  // namespace tessera
