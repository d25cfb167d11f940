#include "sim/cli/sweep_table.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

#include "sim/cli/answer.hpp"
#include "sim/cli/progress.hpp"
#include "sim/cli/text.hpp"

namespace tessera {
namespace {

enum class Shown { real, seconds, count, share };

struct Figure {
  const char* column;
  const char* heading;
  Shown shown;
};

constexpr std::array<Figure, 8> figures{{
    {"request_throughput", "requests/s", Shown::real},
    {"output_throughput", "out tok/s", Shown::real},
    {"mean_ttft_ms", "TTFT mean", Shown::seconds},
    {"p99_ttft_ms", "TTFT p99", Shown::seconds},
    {"mean_tpot_ms", "TPOT mean", Shown::seconds},
    {"num_preemptions", "preempted", Shown::count},
    {"kv_waste_of_reserved", "waste/reserved", Shown::share},
    {"kv_waste_of_pool", "waste/pool", Shown::share},
}};

std::string shown(const Figure& figure, const std::optional<double>& number) {
  if (!number) {
    return "-";
  }
  switch (figure.shown) {
    case Shown::real:
      return three_digits(*number);
    case Shown::seconds:
      return human_seconds(*number / 1e3);
    case Shown::count:
      return grouped(static_cast<std::int64_t>(*number));
    case Shown::share:
      return percent(*number);
  }
  return "-";
}

// The last part of each axis' path, or all of it where two end alike.
std::vector<std::string> axis_headings(const std::vector<std::string>& paths) {
  const auto last_part = [](const std::string& path) { return path.substr(path.rfind('.') + 1); };
  std::map<std::string, int> uses;
  for (const std::string& path : paths) {
    ++uses[last_part(path)];
  }
  std::vector<std::string> headings;
  for (const std::string& path : paths) {
    const std::string last = last_part(path);
    headings.push_back(uses[last] == 1 && last != "kind" ? last : path);
  }
  return headings;
}

// "{kind: contiguous, reserve: max}" as "contiguous, reserve: max".
std::string without_brackets(std::string value) {
  if (value.starts_with('{') && value.ends_with('}')) {
    value = value.substr(1, value.size() - 2);
    constexpr std::string_view kind = "kind: ";
    if (value.starts_with(kind)) {
      value.erase(0, kind.size());
    }
  }
  return value;
}

constexpr const char* goodput = "request_goodput";
constexpr const char* throughput = "request_throughput";

struct ShownRow {
  const SweepRow* row;
  Summary summary;
};

std::vector<ShownRow> shown_rows(const SweepRows& table) {
  std::vector<ShownRow> rows;
  for (const SweepRow& row : table.rows) {
    rows.push_back({&row, summary_of(table, row)});
  }
  return rows;
}

// What the best row is best at: goodput where latencies are promised, else throughput.
const char* measure_of_best(const std::vector<ShownRow>& rows) {
  const bool promised = std::any_of(rows.begin(), rows.end(), [](const ShownRow& row) {
    return number_in(row.summary, goodput).has_value();
  });
  return promised ? goodput : throughput;
}

// The first of the rows with the highest `measure`.
std::optional<std::size_t> best_row(const std::vector<ShownRow>& rows, const char* measure) {
  std::optional<std::size_t> best;
  double highest = 0.0;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const double value = number_in(rows[i].summary, measure).value_or(0.0);
    if (value > highest) {
      best = i;
      highest = value;
    }
  }
  return best;
}

constexpr std::size_t most_rows = 100;
constexpr std::size_t rows_of_a_large_sweep = 20;

// Of a large sweep the best rows, in the order of the points.
void keep_best(std::vector<ShownRow>& rows, const char* measure) {
  const auto value = [measure](const ShownRow& row) {
    return number_in(row.summary, measure).value_or(-1.0);
  };
  std::stable_sort(rows.begin(), rows.end(),
                   [&](const ShownRow& a, const ShownRow& b) { return value(a) > value(b); });
  rows.resize(rows_of_a_large_sweep);
  std::sort(rows.begin(), rows.end(),
            [](const ShownRow& a, const ShownRow& b) { return a.row->point < b.row->point; });
}

// The lines of a table, one of them in bold.
std::string with_bold_line(const std::string& text, std::size_t bold_line) {
  std::string out;
  std::size_t line = 0;
  for (std::size_t begin = 0; begin < text.size(); ++line) {
    const std::size_t end = text.find('\n', begin);
    const std::string content = text.substr(begin, end - begin);
    out += line == bold_line ? "\033[1m" + content + "\033[0m\n" : content + "\n";
    begin = end + 1;
  }
  return out;
}

std::vector<std::string> table_row(const SweepPlan& plan, const ShownRow& shown_row,
                                   const char* mark) {
  std::vector<std::string> cells{mark, point_id(plan, shown_row.row->point)};
  for (const std::string& value : point_values(plan, shown_row.row->point)) {
    cells.push_back(without_brackets(value));
  }
  for (const Figure& figure : figures) {
    cells.push_back(shown(figure, number_in(shown_row.summary, figure.column)));
  }
  return cells;
}

const SeedsCell* cell_of(const SeedsTable& seeds, const SeedsRow& row, std::string_view column) {
  for (std::size_t i = 0; i < seeds.columns.size(); ++i) {
    if (seeds.columns[i].name == column) {
      return &row.cells[i];
    }
  }
  return nullptr;
}

// "1.42 ± 0.03"
std::string with_interval(const Figure& figure, const SeedsCell* cell) {
  if (cell == nullptr || cell->mean.empty()) {
    return "-";
  }
  const Summary parts{{"mean", cell->mean}, {"half_width", cell->half_width}};
  // A mean of counts is no count.
  Figure real = figure;
  real.shown = figure.shown == Shown::count ? Shown::real : figure.shown;
  const auto half_width = number_in(parts, "half_width");
  return shown(real, number_in(parts, "mean")) +
         (half_width ? " ± " + shown(real, half_width) : "");
}

}  // namespace

std::string sweep_table(const SweepPlan& plan, const SweepRows& rows_of_sweep) {
  Table table;
  table.column("", Align::left);
  table.column("point", Align::left);
  for (const std::string& heading : axis_headings(axis_paths(plan))) {
    table.column(heading, Align::right);
  }
  for (const Figure& figure : figures) {
    table.column(figure.heading, Align::right);
  }
  std::vector<ShownRow> rows = shown_rows(rows_of_sweep);
  const char* const measure = measure_of_best(rows);
  const bool is_large = rows.size() > most_rows;
  if (is_large) {
    keep_best(rows, measure);
  }
  const std::optional<std::size_t> best = best_row(rows, measure);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool failed = rows[i].row->status == PointStatus::failed;
    table.row(table_row(plan, rows[i], failed ? "!" : best == i ? "*" : ""));
  }
  std::string text = table.text();
  if (best && stdout_takes_colour()) {
    text = with_bold_line(text, *best + 1);
  }
  if (best) {
    text += std::string("* highest ") + measure + "\n";
  }
  if (is_large) {
    text += "The best " + grouped(static_cast<std::int64_t>(rows.size())) + " of " +
            grouped(static_cast<std::int64_t>(rows_of_sweep.rows.size())) + " points by " +
            measure + "\n";
  }
  return text;
}

std::string seeds_text(const SeedsTable& seeds) {
  Table table;
  for (const std::string& heading : axis_headings(seeds.axes)) {
    table.column(heading, Align::right);
  }
  table.column("seeds", Align::right);
  for (const Figure& figure : figures) {
    table.column(figure.heading, Align::right);
  }
  const std::size_t shown_settings =
      seeds.rows.size() > most_rows ? rows_of_a_large_sweep : seeds.rows.size();
  for (std::size_t i = 0; i < shown_settings; ++i) {
    const SeedsRow& row = seeds.rows[i];
    std::vector<std::string> cells;
    for (const std::string& value : row.values) {
      cells.push_back(without_brackets(value));
    }
    cells.push_back(grouped(row.num_seeds));
    for (const Figure& figure : figures) {
      cells.push_back(with_interval(figure, cell_of(seeds, row, figure.column)));
    }
    table.row(std::move(cells));
  }
  std::string text =
      "Means over the seeds, ± half of their 95 % confidence interval\n" + table.text();
  if (shown_settings < seeds.rows.size()) {
    text += "The first " + std::to_string(shown_settings) + " of " +
            grouped(static_cast<std::int64_t>(seeds.rows.size())) + " settings\n";
  }
  return text;
}

}  // namespace tessera
