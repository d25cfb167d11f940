// The CSV files of a run or a sweep, as they were written.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

// A table as text, for one of few rows.
struct TextTable {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;

  [[nodiscard]] std::optional<std::size_t> find(std::string_view column) const;
};

// Some columns of a table as numbers; an empty cell is not a number (NaN).
struct NumberTable {
  std::vector<std::string> columns;         // those that the file has, in the order asked for
  std::vector<std::vector<double>> values;  // by column, then by row

  [[nodiscard]] std::size_t rows() const { return values.empty() ? 0 : values.front().size(); }
  // Nothing where the file has no such column.
  [[nodiscard]] const std::vector<double>* find(std::string_view column) const;
};

// Throw UnreadableFile, or BadInput with the line of what is wrong.
[[nodiscard]] TextTable read_text_table(const std::filesystem::path& file);
// Cells that are words (a request's status) stand for their place in `words`; others are refused.
[[nodiscard]] NumberTable read_number_table(const std::filesystem::path& file,
                                            std::span<const std::string_view> columns,
                                            std::span<const std::string_view> words = {});

}  // namespace tessera
