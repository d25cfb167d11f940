// Numbers and tables as people read them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/quantity.hpp"

namespace tessera {

// To the standard output; program.cpp checks at the end that it arrived.
void print(std::string_view text);
// One line to the standard error: "tessera: …".
void complain(std::string_view message);

// "1,950"
[[nodiscard]] std::string grouped(std::int64_t number);
// With `digits` digits after the point, the whole part grouped: "1,234.50".
[[nodiscard]] std::string fixed(double number, int digits);
// About three digits: "0.0123", "1.42", "228".
[[nodiscard]] std::string three_digits(double number);
// "8.43 GiB", "512 KiB"
[[nodiscard]] std::string human_bytes(Bytes bytes);
// "23 min 12 s", "1.25 s", "340 ms"
[[nodiscard]] std::string human_seconds(double seconds);
// "74.2 %"
[[nodiscard]] std::string percent(double fraction);
// "1 request", "2 requests"
[[nodiscard]] std::string counted(std::int64_t number, std::string_view noun);

enum class Align { left, right };

// Columns as wide as their widest cell, two spaces apart.
class Table {
 public:
  void column(std::string heading, Align align);
  void row(std::vector<std::string> cells);
  [[nodiscard]] std::string text() const;

 private:
  struct Column {
    std::string heading;
    Align align;
  };
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace tessera
