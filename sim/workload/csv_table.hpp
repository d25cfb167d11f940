// Comma-separated values with a header, line by line. A field may be quoted (RFC 4180) but must end
// on its line.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/workload/line_reader.hpp"

namespace tessera {

class CsvTable {
 public:
  // `header` is the line that `lines` gave last. Throws BadInput where it cannot be split.
  CsvTable(LineReader& lines, std::string_view header);

  [[nodiscard]] const std::vector<std::string>& columns() const { return columns_; }
  // Where a column stands; nothing where there is no such column. Throws BadInput where there are
  // several.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view column) const;

  // The fields of the next row, as many as there are columns, without blanks around them; nothing
  // at the end. They are good until the next call. Throws BadInput for a row with another number of
  // fields.
  [[nodiscard]] std::optional<std::span<const std::string_view>> next_row();
  // The same for a row that `lines` gave last.
  [[nodiscard]] std::span<const std::string_view> fields_of(std::string_view line);

 private:
  void split(std::string_view line);

  LineReader& lines_;
  Place header_place_;
  std::vector<std::string> columns_;
  std::vector<std::string_view> fields_;  // of the row at hand; kept to be used again
};

}  // namespace tessera
