// tessera report: one page about the results of a run or a sweep.

#include "tessera/report/report.hpp"

#include <filesystem>

#include "sim/cli/options.hpp"
#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"
#include "sim/cli/whole_file.hpp"
#include "tessera/config/load.hpp"

namespace tessera {
namespace fs = std::filesystem;

VerbOptions report_options() {
  VerbOptions options({
      .synopsis = "tessera report DIR [options]",
      .about = "Writes one HTML page about what 'tessera run -o' or 'tessera sweep -o' wrote into "
               "DIR. The page\nneeds no network and no other file: send it, keep it, print it. "
               "memory.csv and timeseries.csv are\noff in sweeps unless asked for "
               "(--set output.memory.every='1 s'); iterations.csv shows as a strip.",
      .examples = "  tessera report out/s\n"
                  "  tessera report out/a -o a.html\n",
  });
  options.value("output,o", "FILE", "the page (default: DIR/report.html, which is replaced)")
      .flag("force", "replace FILE if it exists")
      .flag("quiet", "do not say where the page is");
  return options;
}

int report_verb(const Invocation& invocation) {
  const auto given = report_options().parse(invocation.arguments, {1, 1});
  if (!given) {
    return ExitStatus::done;
  }
  const fs::path folder = given->positionals().front();
  const auto named = given->text("output");
  const fs::path file = named ? fs::path(*named) : folder / "report.html";
  const bool replaces = !named || given->has("force");
  write_whole_file(file, make_report(folder), replaces ? IfExists::replace : IfExists::refuse);
  if (!given->has("quiet")) {
    print("The report is " + file.string() + "\n");
  }
  return ExitStatus::done;
}

}  // namespace tessera
