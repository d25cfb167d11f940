// The cells of one row of a CSV file, written one after the other right into its buffer.
#pragma once

#include <optional>
#include <string_view>

#include "tessera/core/contract.hpp"
#include "tessera/core/decimal.hpp"
#include "tessera/core/quantity.hpp"
#include "tessera/core/time.hpp"
#include "tessera/metrics/output_folder.hpp"

namespace tessera {

// Every cell is written with the comma behind it, the last one's becomes the end of the line.
class RowText {
 public:
  // Precondition: the row has no more cells than that.
  static constexpr std::size_t most_cells = 60;

  explicit RowText(RowWriter& file)
      : file_(file), end_(file.room(most_bytes)), limit_(end_ + most_bytes) {}
  RowText(const RowText&) = delete;
  RowText& operator=(const RowText&) = delete;

  void count(std::int64_t value) {
    if (static_cast<std::uint64_t>(value) < 10) {
      *end_ = static_cast<char>('0' + value);
      end_with(end_ + 1);
    } else {
      end_with(write_integer(end_, value));
    }
  }
  void blocks(const std::optional<Blocks>& value) {
    end_with(value ? write_integer(end_, value->count()) : end_);
  }
  void instant(SimTime value) { end_with(write_seconds(end_, value.since_start())); }
  void instant(const std::optional<SimTime>& value) {
    end_with(value ? write_seconds(end_, value->since_start()) : end_);
  }
  void seconds(Duration value) { end_with(write_seconds(end_, value)); }
  void latency(Duration value) {
    if (value == Duration{}) {
      count(0);
    } else {
      end_with(write_milliseconds(end_, value));
    }
  }
  void latency(const std::optional<Duration>& value) {
    if (value) {
      latency(*value);
    } else {
      empty();
    }
  }
  // Precondition: no longer than a number.
  void word(std::string_view value) {
    char* end = end_;
    for (const char letter : value) {
      *end++ = letter;
    }
    end_with(end);
  }
  void empty() { end_with(end_); }

  // Once the last cell is written.
  void end() {
    TESSERA_INVARIANT(end_ <= limit_, "a row has room for its cells");
    end_[-1] = '\n';
    file_.keep(end_);
  }

 private:
  static constexpr std::size_t most_bytes = most_cells * (longest_number + 1);

  void end_with(char* end) {
    *end = ',';
    end_ = end + 1;
  }

  RowWriter& file_;
  char* end_;
  const char* limit_;
};

}  // namespace tessera
