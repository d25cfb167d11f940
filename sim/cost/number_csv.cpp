#include "sim/cost/number_csv.hpp"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>

namespace tessera {
namespace {

std::vector<std::string> split(std::string_view line) {
  std::vector<std::string> fields;
  while (true) {
    const std::size_t comma = std::min(line.find(','), line.size());
    fields.emplace_back(line.substr(0, comma));
    if (comma == line.size()) {
      return fields;
    }
    line.remove_prefix(comma + 1);
  }
}

std::string_view without_line_end(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) {
    line.remove_suffix(1);
  }
  return line;
}

}  // namespace

NumberCsv::NumberCsv(const std::string& path) : path_(path) {
  std::ifstream file(path, std::ios::binary);
  std::error_code error;
  if (!file || std::filesystem::is_directory(path, error)) {
    throw UnreadableFile(Place{path, 0, 0}, "cannot read this file");
  }
  std::string line;
  for (std::int64_t number = 1; std::getline(file, line); ++number) {
    const std::string_view filled = without_line_end(line);
    if (filled.empty()) {
      continue;
    }
    std::vector<std::string> fields = split(filled);
    if (header_.empty()) {
      header_ = std::move(fields);
    } else if (fields.size() != header_.size()) {
      throw BadInput(Place{path, number, 0}, "the header has " + std::to_string(header_.size()) +
                                                 " fields, this row " +
                                                 std::to_string(fields.size()));
    } else {
      rows_.push_back({number, std::move(fields)});
    }
  }
  if (rows_.empty()) {
    throw BadInput(Place{path, 0, 0}, "a table needs a header and at least one row");
  }
}

std::optional<std::size_t> NumberCsv::find_column(std::string_view name) const {
  for (std::size_t i = 0; i < header_.size(); ++i) {
    if (header_[i] == name) {
      return i;
    }
  }
  return std::nullopt;
}

std::size_t NumberCsv::column(std::string_view name) const {
  const auto found = find_column(name);
  if (!found) {
    throw BadInput(Place{path_, 1, 0}, "there is no column '" + std::string(name) + "'");
  }
  return *found;
}

const std::string& NumberCsv::text(std::size_t row, std::size_t column) const {
  return rows_[row].fields[column];
}

std::int64_t NumberCsv::count(std::size_t row, std::size_t column) const {
  constexpr double greatest = 1e15;
  const auto value = number(row, column);
  if (!value || *value < 0.0 || *value > greatest || std::nearbyint(*value) != *value) {
    throw BadInput(place(row),
                   header_[column] + " needs a whole number, not '" + text(row, column) + "'");
  }
  return static_cast<std::int64_t>(*value);
}

std::optional<double> NumberCsv::number(std::size_t row, std::size_t column) const {
  const std::string& field = text(row, column);
  if (field.empty()) {
    return std::nullopt;
  }
  double value = 0.0;
  const char* const end = field.data() + field.size();
  const auto [parsed_to, failed] = std::from_chars(field.data(), end, value);
  if (failed != std::errc{} || parsed_to != end || !std::isfinite(value)) {
    throw BadInput(place(row), header_[column] + " needs a number, not '" + field + "'");
  }
  return value;
}

Place NumberCsv::place(std::size_t row) const {
  return {path_, rows_[row].line, 0};
}

}  // namespace tessera
