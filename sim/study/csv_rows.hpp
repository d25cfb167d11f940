// Comma-separated values as our tables hold them (RFC 4180).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tessera {

// Quotes the text where it must be quoted.
void append_csv(std::string& out, std::string_view text);

// The cells of one row without its line's end.
[[nodiscard]] std::vector<std::string> csv_cells(std::string_view row);

// The rows of a text, as they stand there, without their lines' ends. A quoted cell may hold one.
[[nodiscard]] std::vector<std::string_view> csv_rows(std::string_view text);

}  // namespace tessera
