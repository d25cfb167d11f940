// A sweep's summary.csv.

#include <algorithm>

#include "sim/study/csv_rows.hpp"
#include "tessera/study/sweep.hpp"

namespace tessera {

Summary summary_of(const SweepRows& table, const SweepRow& row) {
  Summary summary;
  if (row.summary.empty()) {
    return summary;
  }
  std::vector<std::string> columns = csv_cells(table.columns);
  std::vector<std::string> values = csv_cells(row.summary);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    summary.push_back({std::move(columns[i]), std::move(values.at(i))});
  }
  return summary;
}

std::string sweep_csv(const SweepPlan& plan, const SweepRows& table) {
  std::string csv = "point";
  for (const std::string& path : axis_paths(plan)) {
    csv += ',';
    append_csv(csv, path);
  }
  csv += ",status,reason" + (table.columns.empty() ? "" : "," + table.columns) + "\n";
  // A point that failed leaves the columns of the runs empty.
  const auto commas = std::count(table.columns.begin(), table.columns.end(), ',');
  const std::string none(table.columns.empty() ? 0 : static_cast<std::size_t>(commas) + 1, ',');
  for (const SweepRow& row : table.rows) {
    csv += point_id(plan, row.point);
    for (const std::string& value : point_values(plan, row.point)) {
      csv += ',';
      append_csv(csv, value);
    }
    csv += ',';
    csv += name_of(row.status);
    csv += ',';
    append_csv(csv, row.reason);
    csv += row.summary.empty() ? none : "," + row.summary;
    csv += '\n';
  }
  return csv;
}

}  // namespace tessera
