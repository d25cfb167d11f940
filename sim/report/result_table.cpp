#include "sim/report/result_table.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "tessera/workload/csv_file.hpp"

namespace tessera {
namespace {

double number_of(std::string_view cell, std::span<const std::string_view> words,
                 const Place& place) {
  if (cell.empty()) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (error == std::errc{} && end == cell.data() + cell.size()) {
    return value;
  }
  const auto word = std::find(words.begin(), words.end(), cell);
  if (word == words.end()) {
    throw BadInput(place, "'" + std::string(cell) + "' is no number");
  }
  return static_cast<double>(word - words.begin());
}

}  // namespace

std::optional<std::size_t> TextTable::find(std::string_view column) const {
  const auto found = std::find(columns.begin(), columns.end(), column);
  return found == columns.end() ? std::nullopt
                                : std::optional(static_cast<std::size_t>(found - columns.begin()));
}

const std::vector<double>* NumberTable::find(std::string_view column) const {
  const auto found = std::find(columns.begin(), columns.end(), column);
  return found == columns.end() ? nullptr
                                : &values[static_cast<std::size_t>(found - columns.begin())];
}

TextTable read_text_table(const std::filesystem::path& file) {
  CsvFile open(file.string());
  TextTable result{.columns = open.columns(), .rows = {}};
  while (const auto row = open.next_row()) {
    result.rows.emplace_back(row->begin(), row->end());
  }
  return result;
}

NumberTable read_number_table(const std::filesystem::path& file,
                              std::span<const std::string_view> columns,
                              std::span<const std::string_view> words) {
  CsvFile open(file.string());
  NumberTable result;
  std::vector<std::size_t> places;
  for (const std::string_view column : columns) {
    if (const auto place = open.find(column)) {
      result.columns.emplace_back(column);
      places.push_back(*place);
    }
  }
  result.values.resize(places.size());
  while (const auto row = open.next_row()) {
    for (std::size_t i = 0; i < places.size(); ++i) {
      result.values[i].push_back(number_of((*row)[places[i]], words, open.place()));
    }
  }
  return result;
}

}  // namespace tessera
