// A small CSV file of numbers and names, all of it in memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/diagnostic.hpp"

namespace tessera {

class NumberCsv {
 public:
  // Throws UnreadableFile, and BadInput for a row with another number of fields than the header.
  explicit NumberCsv(const std::string& path);

  [[nodiscard]] std::size_t rows() const { return rows_.size(); }
  // Throws BadInput where there is no such column.
  [[nodiscard]] std::size_t column(std::string_view name) const;
  [[nodiscard]] std::optional<std::size_t> find_column(std::string_view name) const;

  [[nodiscard]] const std::string& text(std::size_t row, std::size_t column) const;
  // A whole number that is not negative, a number; nothing for an empty field. Both throw BadInput.
  [[nodiscard]] std::int64_t count(std::size_t row, std::size_t column) const;
  [[nodiscard]] std::optional<double> number(std::size_t row, std::size_t column) const;

  [[nodiscard]] Place place(std::size_t row) const;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct Row {
    std::int64_t line;
    std::vector<std::string> fields;
  };
  std::string path_;
  std::vector<std::string> header_;
  std::vector<Row> rows_;
};

}  // namespace tessera
