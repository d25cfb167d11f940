// Rows of a CSV file with a header, plain or compressed: traces, and the files that runs write.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/diagnostic.hpp"

namespace tessera {

class CsvFile {
 public:
  // Reads the header. Throws UnreadableFile, and BadInput for a file without a header.
  explicit CsvFile(const std::string& file);
  CsvFile(const CsvFile&) = delete;
  CsvFile& operator=(const CsvFile&) = delete;
  ~CsvFile();

  [[nodiscard]] const std::vector<std::string>& columns() const;
  // Where a column stands; nothing where there is none. Throws BadInput where there are several.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view column) const;
  // As many fields as there are columns, good until the next call; nothing at the end. Throws
  // BadInput for a row with another number of fields.
  [[nodiscard]] std::optional<std::span<const std::string_view>> next_row();
  // Of the row at hand.
  [[nodiscard]] Place place() const;

 private:
  struct Reading;
  std::unique_ptr<Reading> reading_;
};

}  // namespace tessera
