#include "sim/report/page_data.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <limits>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "sim/report/json_numbers.hpp"
#include "sim/report/request_data.hpp"
#include "sim/report/result_table.hpp"
#include "sim/report/series_data.hpp"
#include "tessera/core/diagnostic.hpp"
#include "tessera/core/version.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;

// Rows of all series and requests of all runs together, so that a page stays a few megabytes.
constexpr std::size_t most_rows = 24'000;
constexpr std::size_t most_requests = 1'500;

std::string text_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::ostringstream text;
  text << stream.rdbuf();
  if (!stream) {
    throw UnreadableFile({file.string(), 0, 0}, "cannot be read");
  }
  return text.str();
}

// A cell as what it is: a number, a word, or nothing.
boost::json::value cell_value(const std::string& cell) {
  if (cell.empty()) {
    return nullptr;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error == std::errc{} && end == cell.data() + cell.size()) {
    return json_number(value);
  }
  return boost::json::string(cell);
}

// The columns of the page's table, in its order, beside the axes.
constexpr std::array<std::string_view, 19> table_columns{"request_throughput",
                                                         "output_throughput",
                                                         "request_goodput",
                                                         "mean_ttft_ms",
                                                         "p99_ttft_ms",
                                                         "mean_tpot_ms",
                                                         "p99_tpot_ms",
                                                         "mean_e2el_ms",
                                                         "p99_e2el_ms",
                                                         "num_finished",
                                                         "num_rejected",
                                                         "num_preemptions",
                                                         "kv_waste_of_reserved",
                                                         "kv_waste_of_pool",
                                                         "kv_live_of_pool",
                                                         "external_fragmentation",
                                                         "mean_batch_size",
                                                         "limited_by",
                                                         "bound"};
// Those that it draws or speaks of beside them.
constexpr std::array<std::string_view, 7> spoken_columns{
    "slo_attainment", "slo_met", "median_ttft_ms", "median_tpot_ms",
    "num_requests",   "status",  "reason"};

bool is_shown(const std::string& column) {
  const auto is_among = [&](const auto& names) {
    return std::find(names.begin(), names.end(), column) != names.end();
  };
  return is_among(table_columns) || is_among(spoken_columns) || column.ends_with("_mean_bytes");
}

// A column that is the same everywhere is that one value, so that pages of long sweeps stay small.
boost::json::value shortened(boost::json::array values) {
  const bool is_one =
      values.size() > 1 && std::all_of(values.begin(), values.end(),
                                       [&](const auto& value) { return value == values.front(); });
  if (is_one) {
    return boost::json::value(values.front());
  }
  return values;
}

// The columns of summary.csv, in its order: the axes as text, the others as what they hold.
boost::json::object points_of(const TextTable& summary, const std::set<std::string>& axes) {
  boost::json::object points;
  for (std::size_t column = 0; column < summary.columns.size(); ++column) {
    const std::string& name = summary.columns[column];
    const bool is_word = axes.contains(name) || name == "point";
    if (!is_word && !is_shown(name)) {
      continue;
    }
    boost::json::array values;
    for (const std::vector<std::string>& row : summary.rows) {
      values.push_back(is_word ? boost::json::value(row[column]) : cell_value(row[column]));
    }
    points[name] = shortened(std::move(values));
  }
  return points;
}

boost::json::object run_of(const fs::path& folder, const std::string& id, std::size_t rows) {
  boost::json::object run{{"id", id}};
  const auto add = [&](std::string_view name, const char* file, auto&& read) {
    if (fs::exists(folder / file)) {
      run[name] = read(folder / file);
    }
  };
  add("memory", "memory.csv", [&](const fs::path& file) { return memory_data(file, rows); });
  add("series", "timeseries.csv",
      [&](const fs::path& file) { return timeseries_data(file, rows); });
  add("requests", "requests.csv",
      [&](const fs::path& file) { return request_data(file, std::min(rows, most_requests)); });
  add("strip", "iterations.csv", [](const fs::path& file) { return iteration_strip(file); });
  add("scenario", "scenario.resolved.yaml", [](const fs::path& file) { return text_of(file); });
  add("manifest", "manifest.json", [](const fs::path& file) { return text_of(file); });
  return run;
}

// The points whose series are drawn: first, last, the one of most throughput, others between them.
std::vector<std::size_t> chosen_points(const TextTable& summary, std::size_t most) {
  const std::size_t count = summary.rows.size();
  std::set<std::size_t> chosen;
  const auto throughput = summary.find("request_throughput");
  double best = -1;
  std::size_t best_row = 0;
  for (std::size_t row = 0; row < count && throughput; ++row) {
    const std::string& cell = summary.rows[row][*throughput];
    double value = -1;
    std::from_chars(cell.data(), cell.data() + cell.size(), value);
    if (value > best) {
      best = value;
      best_row = row;
    }
  }
  if (count > 0) {
    chosen = {0, count - 1, best_row};
  }
  const std::size_t steps = std::min(most, count);
  for (std::size_t i = 0; i < steps && chosen.size() < most; ++i) {
    chosen.insert(steps == 1 ? 0 : i * (count - 1) / (steps - 1));
  }
  return {chosen.begin(), chosen.end()};
}

std::vector<std::string> axes_of(const TextTable& summary, const fs::path& file) {
  const auto status = summary.find("status");
  if (!status) {
    throw BadInput({file.string(), 1, 0}, "a sweep's summary has a column 'status'");
  }
  return {summary.columns.begin() + 1,
          summary.columns.begin() + static_cast<std::ptrdiff_t>(*status)};
}

std::string name_in(const std::string& scenario) {
  const std::size_t at = scenario.find("\nname: ");
  if (at == std::string::npos) {
    return {};
  }
  const std::size_t begin = at + 7;
  std::string name = scenario.substr(begin, scenario.find('\n', begin) - begin);
  std::erase(name, '"');
  return name;
}

}  // namespace

boost::json::object page_data(const fs::path& folder, const ReportOptions& options) {
  const fs::path file = folder / "summary.csv";
  if (!fs::exists(file)) {
    throw UnreadableFile({folder.string(), 0, 0},
                         "there is no summary.csv; give the folder that 'tessera run -o' or "
                         "'tessera sweep -o' wrote");
  }
  const TextTable summary = read_text_table(file);
  const bool is_sweep = !summary.columns.empty() && summary.columns.front() == "point";
  const std::vector<std::string> axes =
      is_sweep ? axes_of(summary, file) : std::vector<std::string>{};
  boost::json::array runs;
  if (is_sweep) {
    const std::vector<std::size_t> chosen = chosen_points(summary, options.most_runs);
    for (const std::size_t row : chosen) {
      const std::string& id = summary.rows[row].front();
      if (fs::is_directory(folder / "runs" / id)) {
        runs.push_back(run_of(folder / "runs" / id, id, most_rows / chosen.size()));
      }
    }
  } else {
    runs.push_back(run_of(folder, "", most_rows / 8));
  }
  std::string name = folder.filename().string();
  if (!runs.empty() && runs.front().as_object().contains("scenario")) {
    name = name_in("\n" + std::string(runs.front().at("scenario").as_string()));
  }
  return {{"kind", is_sweep ? "sweep" : "run"},
          {"name", name},
          {"version", std::string(version())},
          {"count", static_cast<std::int64_t>(summary.rows.size())},
          {"axes", boost::json::array(axes.begin(), axes.end())},
          {"columns", boost::json::array(table_columns.begin(), table_columns.end())},
          {"points", points_of(summary, {axes.begin(), axes.end()})},
          {"runs", std::move(runs)}};
}

}  // namespace tessera
