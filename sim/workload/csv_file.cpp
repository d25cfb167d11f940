#include "tessera/workload/csv_file.hpp"

#include "sim/workload/csv_table.hpp"
#include "sim/workload/line_reader.hpp"

namespace tessera {

struct CsvFile::Reading {
  explicit Reading(const std::string& file)
      : text(open_text(file)), lines(*text, file), table(lines, header()) {}

  std::string_view header() {
    const auto line = lines.next_filled();
    if (!line) {
      throw BadInput({lines.file(), 0, 0}, "the file is empty; a header was expected");
    }
    return *line;
  }

  std::unique_ptr<std::streambuf> text;
  LineReader lines;
  CsvTable table;
};

CsvFile::CsvFile(const std::string& file) : reading_(std::make_unique<Reading>(file)) {}

CsvFile::~CsvFile() = default;

const std::vector<std::string>& CsvFile::columns() const {
  return reading_->table.columns();
}

std::optional<std::size_t> CsvFile::find(std::string_view column) const {
  return reading_->table.find(column);
}

std::optional<std::span<const std::string_view>> CsvFile::next_row() {
  return reading_->table.next_row();
}

Place CsvFile::place() const {
  return reading_->lines.place();
}

}  // namespace tessera
