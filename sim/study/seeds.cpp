#include "tessera/study/seeds.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>
#include <set>
#include <vector>

#include "sim/study/csv_rows.hpp"
#include "sim/study/student_t.hpp"
#include "tessera/core/decimal.hpp"

namespace tessera {
namespace {

constexpr const char* seed_path = "seed";
constexpr double confidence = 0.95;

using Cells = std::vector<std::string>;

std::optional<double> number_of(const std::string& cell) {
  double number = 0.0;
  const char* const end = cell.data() + cell.size();
  const auto parsed = std::from_chars(cell.data(), end, number);
  if (cell.empty() || parsed.ec != std::errc{} || parsed.ptr != end) {
    return std::nullopt;
  }
  return number;
}

// summary.csv as cells, and where its parts stand.
struct Points {
  Cells header;
  std::vector<Cells> rows;
  std::size_t status = 0;  // the axes stand between column 0 and this one, the numbers after it
  std::size_t seed = 0;    // 0: no such axis

  explicit Points(std::string_view text) {
    for (const std::string_view row : csv_rows(text)) {
      rows.push_back(csv_cells(row));
    }
    header = std::move(rows.front());
    rows.erase(rows.begin());
    const auto position = [this](const char* name) {
      return static_cast<std::size_t>(std::find(header.begin(), header.end(), name) -
                                      header.begin());
    };
    status = position("status");
    const std::size_t at = position(seed_path);
    seed = at < status ? at : 0;
  }
  [[nodiscard]] std::size_t first_number() const { return status + 2; }
  [[nodiscard]] bool is_done(const Cells& row) const { return row[status] == "done"; }
  // The values of the axes but the seed.
  [[nodiscard]] Cells setting(const Cells& row) const {
    Cells values;
    for (std::size_t i = 1; i < status; ++i) {
      if (i != seed) {
        values.push_back(row[i]);
      }
    }
    return values;
  }
};

bool has_several_seeds(const Points& points) {
  std::set<std::string> seeds;
  for (const Cells& row : points.rows) {
    seeds.insert(row[points.seed]);
  }
  return points.seed != 0 && seeds.size() > 1;
}

// Which columns hold numbers wherever they hold anything.
std::vector<bool> columns_of_numbers(const Points& points) {
  std::vector<bool> numbers(points.header.size(), true);
  for (const Cells& row : points.rows) {
    for (std::size_t column = points.first_number(); column < row.size(); ++column) {
      numbers[column] = numbers[column] && (row[column].empty() || number_of(row[column]));
    }
  }
  return numbers;
}

// The rows of equal settings, in the order in which they first appear.
std::vector<std::vector<const Cells*>> settings_of(const Points& points) {
  std::vector<std::pair<Cells, std::vector<const Cells*>>> groups;
  std::map<Cells, std::size_t> known;
  for (const Cells& row : points.rows) {
    const auto [at, is_new] = known.try_emplace(points.setting(row), groups.size());
    if (is_new) {
      groups.emplace_back(at->first, std::vector<const Cells*>{});
    }
    groups[at->second].second.push_back(&row);
  }
  std::vector<std::vector<const Cells*>> members;
  for (auto& [setting, rows] : groups) {
    members.push_back(std::move(rows));
  }
  return members;
}

SeedsCell estimated_cell(const std::vector<const Cells*>& done, std::size_t column) {
  std::vector<double> values;
  for (const Cells* row : done) {
    if (const auto number = number_of((*row)[column])) {
      values.push_back(*number);
    }
  }
  SeedsCell cell;
  if (!values.empty()) {
    const Estimate estimated = estimate(values, confidence);
    append_real(cell.mean, estimated.mean);
    if (estimated.half_width) {
      append_real(cell.half_width, *estimated.half_width);
    }
  }
  return cell;
}

SeedsCell agreed_word(const std::vector<const Cells*>& done, std::size_t column) {
  const bool agreed = !done.empty() && std::all_of(done.begin(), done.end(), [&](const Cells* row) {
    return (*row)[column] == (*done.front())[column];
  });
  return {agreed ? (*done.front())[column] : "", ""};
}

SeedsRow row_of(const Points& points, const SeedsTable& table,
                const std::vector<const Cells*>& rows) {
  SeedsRow row{points.setting(*rows.front()), static_cast<std::int64_t>(rows.size()), 0, {}};
  std::vector<const Cells*> done;
  std::copy_if(rows.begin(), rows.end(), std::back_inserter(done),
               [&](const Cells* cells) { return points.is_done(*cells); });
  row.num_failed = row.num_seeds - static_cast<std::int64_t>(done.size());
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const std::size_t column = points.first_number() + i;
    row.cells.push_back(table.columns[i].holds_numbers ? estimated_cell(done, column)
                                                       : agreed_word(done, column));
  }
  return row;
}

}  // namespace

std::optional<SeedsTable> seeds_table(std::string_view summary_csv) {
  const Points points(summary_csv);
  if (!has_several_seeds(points)) {
    return std::nullopt;
  }
  SeedsTable table;
  table.axes = points.setting(points.header);
  const std::vector<bool> numbers = columns_of_numbers(points);
  for (std::size_t column = points.first_number(); column < points.header.size(); ++column) {
    table.columns.push_back({points.header[column], numbers[column]});
  }
  for (const auto& rows : settings_of(points)) {
    table.rows.push_back(row_of(points, table, rows));
  }
  return table;
}

std::string seeds_csv(const SeedsTable& table) {
  std::string csv;
  for (const std::string& path : table.axes) {
    append_csv(csv, path);
    csv += ',';
  }
  csv += "num_seeds,num_failed";
  for (const SeedsTable::Column& column : table.columns) {
    csv += ',';
    append_csv(csv, column.name);
    if (column.holds_numbers) {
      csv += ',';
      append_csv(csv, column.name + "_ci95");
    }
  }
  csv += '\n';
  for (const SeedsRow& row : table.rows) {
    for (const std::string& value : row.values) {
      append_csv(csv, value);
      csv += ',';
    }
    csv += std::to_string(row.num_seeds) + "," + std::to_string(row.num_failed);
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      csv += ',';
      append_csv(csv, row.cells[i].mean);
      csv += table.columns[i].holds_numbers ? "," + row.cells[i].half_width : "";
    }
    csv += '\n';
  }
  return csv;
}

}  // namespace tessera
