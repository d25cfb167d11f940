// One self-contained HTML page about the results of a run or a sweep: no network, no other file.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace tessera {

struct ReportOptions {
  // Of a sweep, the series of so many points are drawn over time: the first, the last, the best,
  // and others spread evenly between them. Every point is in the table and in the sweep's charts.
  std::size_t most_runs = 24;
};

// The page for what `tessera run` or `tessera sweep` wrote into `folder`. Only what the files hold
// is shown; nothing is simulated again. Equal folders give equal pages. Series are reduced to what
// a screen shows; each stretch of time keeps the rows that hold its extremes. Throws UnreadableFile
// for a folder without results, BadInput for a file that is none of ours.
[[nodiscard]] std::string make_report(const std::filesystem::path& folder,
                                      const ReportOptions& options = {});

}  // namespace tessera
