#include "sim/report/series_data.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>

#include "sim/report/decimation.hpp"
#include "sim/report/json_numbers.hpp"
#include "sim/report/result_table.hpp"
#include "tessera/core/diagnostic.hpp"

namespace tessera {
namespace {

namespace fs = std::filesystem;

// In the order of the stack, from its bottom.
constexpr std::array<std::string_view, 17> ledger_classes{"driver_bytes",
                                                          "weights_bytes",
                                                          "graphs_bytes",
                                                          "workspace_used_bytes",
                                                          "workspace_idle_bytes",
                                                          "kv_live_bytes",
                                                          "kv_cached_prefix_bytes",
                                                          "kv_reserved_future_bytes",
                                                          "kv_reserved_never_bytes",
                                                          "kv_dead_bytes",
                                                          "kv_pad_bytes",
                                                          "kv_duplicate_bytes",
                                                          "kv_rounding_bytes",
                                                          "cached_free_bytes",
                                                          "free_unusable_bytes",
                                                          "free_usable_bytes",
                                                          "withheld_bytes"};

const std::vector<double>& column(const NumberTable& table, std::string_view name,
                                  const fs::path& file) {
  const std::vector<double>* values = table.find(name);
  if (values == nullptr) {
    throw BadInput({file.string(), 1, 0}, "there is no column '" + std::string(name) + "'");
  }
  return *values;
}

// The rows of each engine (and device): a table apart.
std::map<std::pair<int, int>, NumberTable> by_device(const NumberTable& table,
                                                     const fs::path& file) {
  const std::vector<double>& engines = column(table, "engine", file);
  const std::vector<double>* devices = table.find("device");
  std::map<std::pair<int, int>, NumberTable> parts;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const int device = devices == nullptr ? 0 : static_cast<int>((*devices)[row]);
    NumberTable& part = parts[{static_cast<int>(engines[row]), device}];
    if (part.values.empty()) {
      part.columns = table.columns;
      part.values.resize(table.values.size());
    }
    for (std::size_t i = 0; i < table.values.size(); ++i) {
      part.values[i].push_back(table.values[i][row]);
    }
  }
  return parts;
}

std::vector<std::size_t> shown_rows(const NumberTable& table, std::size_t rows,
                                    std::span<const std::string_view> leading) {
  std::vector<const std::vector<double>*> columns;
  for (const std::string_view name : leading) {
    if (const auto* values = table.find(name)) {
      columns.push_back(values);
    }
  }
  return rows_to_show(table.rows(), rows, columns);
}

bool is_ever_used(const std::vector<double>& values) {
  return std::any_of(values.begin(), values.end(), [](double value) { return value > 0; });
}

}  // namespace

boost::json::array memory_data(const fs::path& file, std::size_t rows) {
  std::vector<std::string_view> wanted{"time_s", "engine", "device", "capacity_bytes"};
  wanted.insert(wanted.end(), ledger_classes.begin(), ledger_classes.end());
  constexpr std::array<std::string_view, 3> leading{"kv_live_bytes", "kv_reserved_future_bytes",
                                                    "free_usable_bytes"};
  boost::json::array result;
  for (const auto& [place, part] : by_device(read_number_table(file, wanted), file)) {
    const std::vector<std::size_t> kept = shown_rows(part, rows, leading);
    boost::json::object classes;
    for (const std::string_view name : ledger_classes) {
      const std::vector<double>& values = column(part, name, file);
      if (is_ever_used(values)) {
        classes[name.substr(0, name.size() - 6)] = json_numbers(values, kept);
      }
    }
    result.push_back({{"engine", place.first},
                      {"device", place.second},
                      {"rows", static_cast<std::int64_t>(part.rows())},
                      {"time_s", json_numbers(column(part, "time_s", file), kept)},
                      {"capacity_bytes", json_number(column(part, "capacity_bytes", file).front())},
                      {"classes", std::move(classes)}});
  }
  return result;
}

boost::json::array timeseries_data(const fs::path& file, std::size_t rows) {
  constexpr std::array<std::string_view, 9> wanted{"time_s",
                                                   "engine",
                                                   "request_throughput",
                                                   "output_throughput",
                                                   "num_running",
                                                   "num_waiting",
                                                   "kv_waste_of_reserved",
                                                   "kv_waste_of_pool",
                                                   "external_fragmentation"};
  constexpr std::array<std::string_view, 4> leading{"output_throughput", "num_running",
                                                    "num_waiting", "kv_waste_of_reserved"};
  boost::json::array result;
  for (const auto& [place, part] : by_device(read_number_table(file, wanted), file)) {
    const std::vector<std::size_t> kept = shown_rows(part, rows, leading);
    boost::json::object columns;
    for (std::size_t i = 0; i < part.columns.size(); ++i) {
      columns[part.columns[i]] = json_numbers(part.values[i], kept);
    }
    result.push_back({{"engine", place.first}, {"columns", std::move(columns)}});
  }
  return result;
}

boost::json::object iteration_strip(const fs::path& file) {
  constexpr std::array<std::string_view, 5> wanted{"engine", "start_s", "end_s", "prefill_tokens",
                                                   "decode_tokens"};
  constexpr std::size_t stretches = 600;
  const NumberTable table = read_number_table(file, wanted);
  const std::vector<double>& ends = column(table, "end_s", file);
  const std::vector<double>& starts = column(table, "start_s", file);
  const std::vector<double>& engines = column(table, "engine", file);
  const std::vector<double>& prefills = column(table, "prefill_tokens", file);
  const double end = ends.empty() ? 0 : *std::max_element(ends.begin(), ends.end());
  std::array<std::vector<double>, 2> shares{std::vector<double>(stretches),
                                            std::vector<double>(stretches)};
  for (std::size_t row = 0; row < table.rows() && end > 0; ++row) {
    if (engines[row] > 0) {
      continue;
    }
    std::vector<double>& share = shares[prefills[row] > 0 ? 0 : 1];
    const double scale = static_cast<double>(stretches) / end;
    const double last = ends[row] * scale;
    for (double at = starts[row] * scale; at < last;) {
      const auto stretch = std::min(stretches - 1, static_cast<std::size_t>(at));
      const double until = std::min(last, static_cast<double>(stretch + 1));
      share[stretch] += until - at;
      at = until > at ? until : last;
    }
  }
  return {{"end_s", json_number(end)},
          {"prefill", json_numbers(shares[0])},
          {"decode", json_numbers(shares[1])}};
}

}  // namespace tessera
