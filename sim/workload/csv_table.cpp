#include "sim/workload/csv_table.hpp"

#include <algorithm>

#include "sim/workload/number_text.hpp"

namespace tessera {
namespace {

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
    text.remove_prefix(1);
  }
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
    text.remove_suffix(1);
  }
  return text;
}

// Where the quoted field that starts at text[0] ends: behind its closing quote. Doubled quotes
// stand for one.
std::optional<std::size_t> end_of_quoted(std::string_view text) {
  std::size_t at = 1;
  while (true) {
    at = text.find('"', at);
    if (at == std::string_view::npos) {
      return std::nullopt;
    }
    if (at + 1 == text.size() || text[at + 1] != '"') {
      return at + 1;
    }
    at += 2;
  }
}

}  // namespace

CsvTable::CsvTable(LineReader& lines, std::string_view header)
    : lines_(lines), header_place_(lines.place()) {
  split(header);
  columns_.assign(fields_.begin(), fields_.end());
}

std::optional<std::size_t> CsvTable::find(std::string_view column) const {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  if (found == columns_.end()) {
    return std::nullopt;
  }
  if (std::find(found + 1, columns_.end(), column) != columns_.end()) {
    throw BadInput(header_place_, "there are several columns " + excerpt(column));
  }
  return static_cast<std::size_t>(found - columns_.begin());
}

void CsvTable::split(std::string_view line) {
  fields_.clear();
  while (true) {
    std::size_t skipped = 0;
    if (line.starts_with('"')) {
      const std::optional<std::size_t> quoted = end_of_quoted(line);
      if (!quoted) {
        throw BadInput(lines_.place(), "a quoted field does not end on its line");
      }
      skipped = *quoted;
    }
    const std::size_t comma = line.find(',', skipped);
    const std::string_view field = line.substr(0, comma);
    // What stands between a closing quote and the comma is kept, so that it shows up as an error.
    fields_.push_back(without_blanks(
        skipped > 0 && skipped == field.size() ? field.substr(1, field.size() - 2) : field));
    if (comma == std::string_view::npos) {
      return;
    }
    line.remove_prefix(comma + 1);
  }
}

std::optional<std::span<const std::string_view>> CsvTable::next_row() {
  const std::optional<std::string_view> line = lines_.next_filled();
  return line ? std::optional{fields_of(*line)} : std::nullopt;
}

std::span<const std::string_view> CsvTable::fields_of(std::string_view line) {
  split(line);
  if (fields_.size() != columns_.size()) {
    throw BadInput(lines_.place(), "the row has " + std::to_string(fields_.size()) +
                                       (fields_.size() == 1 ? " field" : " fields") +
                                       ", but the header has " + std::to_string(columns_.size()));
  }
  return fields_;
}

}  // namespace tessera
