// tessera merge: one table from the shards of a sweep.

#include "tessera/study/merge.hpp"

#include "sim/cli/options.hpp"
#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"
#include "tessera/config/load.hpp"

namespace tessera {

VerbOptions merge_options() {
  VerbOptions options({
      .synopsis = "tessera merge DIR… [options]",
      .about = "Makes summary.csv, seeds.csv and manifest.json from the finished shards of a "
               "sweep: what one process\nwould have written. Shards that lie in several folders "
               "are collected in a new one, named by -o.",
      .examples = "  tessera merge out/s\n"
                  "  tessera merge host1/s host2/s -o out/s\n",
  });
  options.value("output,o", "DIR", "collect the runs of several folders in this new one")
      .flag("quiet", "say nothing");
  return options;
}

int merge_verb(const Invocation& invocation) {
  constexpr int most_folders = 1'000'000;
  const auto given = merge_options().parse(invocation.arguments, {1, most_folders});
  if (!given) {
    return ExitStatus::done;
  }
  const std::vector<std::string> named = given->positionals();
  const std::vector<std::filesystem::path> folders(named.begin(), named.end());
  std::optional<std::filesystem::path> into;
  if (const auto path = given->text("output")) {
    into = *path;
  } else if (folders.size() > 1) {
    throw WrongUsage("several folders are collected in a new one: name it with -o");
  }
  const MergeResult merged = merge_sweep(folders, into, {invocation.command_line});
  const std::string place = into ? into->string() : named.front();
  if (!given->has("quiet")) {
    print(merged.num_shards == 0 && !into
              ? place + " was merged before\n"
              : counted(merged.num_points, "point") + " of " + counted(merged.num_shards, "shard") +
                    ": the table is " + place + "/summary.csv\n");
  }
  if (merged.num_failed > 0) {
    complain("error: " + counted(merged.num_failed, "point") +
             " failed; the column 'reason' of summary.csv says why");
    return ExitStatus::some_failed;
  }
  return ExitStatus::done;
}

}  // namespace tessera
