// A sweep's summary.csv.

#include <algorithm>

#include "tessera/study/sweep.hpp"

namespace tessera {
namespace {

// RFC 4180: quoted where it must be.
void append_csv(std::string& out, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    out.append(c == '"' ? 2 : 1, c);
  }
  out += '"';
}

}  // namespace

std::string sweep_csv(const SweepPlan& plan, std::span<const SweepRow> rows) {
  // Every run has the same columns; a point that failed leaves them empty.
  const auto done = std::find_if(rows.begin(), rows.end(), [](const SweepRow& row) {
    return row.status == PointStatus::done;
  });
  const Summary columns = done == rows.end() ? Summary{} : done->summary;

  std::string csv = "point";
  for (const Axis& axis : plan.axes) {
    csv += ',';
    append_csv(csv, axis.path);
  }
  csv += ",status,reason";
  for (const SummaryCell& cell : columns) {
    csv += ',';
    append_csv(csv, cell.column);
  }
  csv += '\n';
  for (std::size_t i = 0; i < rows.size(); ++i) {
    csv += plan.points[i].id;
    for (const std::string& value : plan.points[i].values) {
      csv += ',';
      append_csv(csv, value);
    }
    csv += ',';
    csv += name_of(rows[i].status);
    csv += ',';
    append_csv(csv, rows[i].reason);
    for (std::size_t column = 0; column < columns.size(); ++column) {
      csv += ',';
      if (!rows[i].summary.empty()) {
        append_csv(csv, rows[i].summary[column].value);
      }
    }
    csv += '\n';
  }
  return csv;
}

}  // namespace tessera
