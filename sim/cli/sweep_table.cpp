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

std::string shown(const Figure& figure, const Summary& summary) {
  const std::optional<double> number = number_in(summary, figure.column);
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
std::vector<std::string> axis_headings(const SweepPlan& plan) {
  const auto last_part = [](const std::string& path) { return path.substr(path.rfind('.') + 1); };
  std::map<std::string, int> uses;
  for (const Axis& axis : plan.axes) {
    ++uses[last_part(axis.path)];
  }
  std::vector<std::string> headings;
  for (const Axis& axis : plan.axes) {
    const std::string last = last_part(axis.path);
    headings.push_back(uses[last] == 1 && last != "kind" ? last : axis.path);
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

// What the best row is best at: goodput where latencies are promised, else throughput.
const char* measure_of_best(std::span<const SweepRow> rows) {
  const bool promised = std::any_of(rows.begin(), rows.end(), [](const SweepRow& row) {
    return number_in(row.summary, goodput).has_value();
  });
  return promised ? goodput : throughput;
}

// The first of the rows with the highest `measure`.
std::optional<std::size_t> best_row(std::span<const SweepRow> rows, const char* measure) {
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

}  // namespace

std::string sweep_table(const SweepPlan& plan, std::span<const SweepRow> rows) {
  Table table;
  table.column("", Align::left);
  table.column("point", Align::left);
  for (const std::string& heading : axis_headings(plan)) {
    table.column(heading, Align::right);
  }
  for (const Figure& figure : figures) {
    table.column(figure.heading, Align::right);
  }
  const char* const measure = measure_of_best(rows);
  const std::optional<std::size_t> best = best_row(rows, measure);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const bool failed = rows[i].status == PointStatus::failed;
    std::vector<std::string> cells{failed ? "!" : best == i ? "*" : "", plan.points[i].id};
    for (const std::string& value : plan.points[i].values) {
      cells.push_back(without_brackets(value));
    }
    for (const Figure& figure : figures) {
      cells.push_back(shown(figure, rows[i].summary));
    }
    table.row(std::move(cells));
  }
  std::string text = table.text();
  if (best && stdout_takes_colour()) {
    text = with_bold_line(text, *best + 1);
  }
  if (best) {
    text += std::string("* highest ") + measure + "\n";
  }
  return text;
}

}  // namespace tessera
