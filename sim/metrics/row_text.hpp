// The cells of one row of a CSV file, written one after the other into memory of fixed size.
#pragma once

#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include "tessera/core/contract.hpp"
#include "tessera/core/decimal.hpp"
#include "tessera/core/quantity.hpp"
#include "tessera/core/time.hpp"

namespace tessera {

// Every cell but the last is written with the comma behind it; last() takes it back.
class RowText {
 public:
  void count(std::int64_t value) { end_with(write_integer(end_, value)); }
  void blocks(const std::optional<Blocks>& value) {
    end_with(value ? write_integer(end_, value->count()) : end_);
  }
  void instant(SimTime value) { end_with(write_seconds(end_, value.since_start())); }
  void instant(const std::optional<SimTime>& value) {
    end_with(value ? write_seconds(end_, value->since_start()) : end_);
  }
  void seconds(Duration value) { end_with(write_seconds(end_, value)); }
  void latency(Duration value) { end_with(write_milliseconds(end_, value)); }
  void latency(const std::optional<Duration>& value) {
    end_with(value ? write_milliseconds(end_, *value) : end_);
  }
  // Precondition: no longer than a number.
  void word(std::string_view value) {
    std::memcpy(end_, value.data(), value.size());
    end_with(end_ + value.size());
  }
  void empty() { end_with(end_); }

  // The row, once its last cell is written; the next cell starts another one.
  [[nodiscard]] std::string_view last() {
    const std::string_view row(text_.data(), static_cast<std::size_t>(end_ - text_.data()) - 1);
    end_ = text_.data();
    return row;
  }

 private:
  static constexpr std::size_t most_cells = 60;

  void end_with(char* end) {
    *end = ',';
    end_ = end + 1;
    TESSERA_INVARIANT(
        static_cast<std::size_t>(end_ - text_.data()) <= text_.size() - longest_number - 1,
        "a row has room for another cell");
  }

  std::array<char, most_cells*(longest_number + 1)> text_;
  char* end_ = text_.data();
};

}  // namespace tessera
