// The cells of one row of a CSV file, written one after the other right into its buffer.
#pragma once

#include <optional>
#include <string_view>

#include "tessera/core/contract.hpp"
#include "tessera/core/decimal.hpp"
#include "tessera/core/decimal_digits.hpp"
#include "tessera/core/quantity.hpp"
#include "tessera/core/time.hpp"
#include "tessera/metrics/output_folder.hpp"
#include "tessera/workload/request.hpp"

namespace tessera {

// Every cell is written with the comma behind it, the last one's becomes the end of the line.
class RowText {
 public:
  // Precondition: the row has no more cells than that.
  static constexpr std::size_t most_cells = 60;

  [[gnu::always_inline]] explicit RowText(RowWriter& file)
      : file_(file), end_(file.room(most_bytes)), limit_(end_ + most_bytes) {}
  RowText(const RowText&) = delete;
  RowText& operator=(const RowText&) = delete;

  [[gnu::always_inline]] void count(std::int64_t value) {
    const auto positive = static_cast<std::uint64_t>(value);
    if (positive < 1'000) [[likely]] {
      end_before_comma(digits::write_short(end_, positive));
    } else if (positive < 1'000'000) {
      end_before_comma(digits::write_six(end_, positive));
    } else if (positive < 1'000'000'000) {
      end_before_comma(digits::write_nine(end_, positive));
    } else {
      end_with(write_integer(end_, value));
    }
  }
  // The same, mostly of four to six digits.
  [[gnu::always_inline]] void id(RequestId value) {
    const auto positive = static_cast<std::uint64_t>(number_of(value));
    if (positive - 1'000 < 999'000) [[likely]] {
      end_before_comma(digits::write_six(end_, positive));
    } else {
      count(number_of(value));
    }
  }
  // The same, mostly of seven to nine digits.
  [[gnu::always_inline]] void bytes(Bytes value) {
    const auto positive = static_cast<std::uint64_t>(value.count());
    if (positive - 1'000'000 < 999'000'000) [[likely]] {
      end_before_comma(digits::write_nine(end_, positive));
    } else {
      end_with(write_integer(end_, value.count()));
    }
  }
  void blocks(const std::optional<Blocks>& value) {
    if (value) {
      count(value->count());
    } else {
      empty();
    }
  }
  void instant(SimTime value) { end_with(write_seconds(end_, value.since_start())); }
  void instant(const std::optional<SimTime>& value) {
    if (value) {
      instant(*value);
    } else {
      empty();
    }
  }
  void seconds(Duration value) { end_with(write_seconds(end_, value)); }
  void latency(Duration value) {
    if (value == Duration{}) {
      text("0,");
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
  // The same for numbers of 63 bits, in fewer instructions: of mostly thousands of seconds,
  [[gnu::always_inline]] void narrow_seconds(std::uint64_t picoseconds) {
    end_ = digits::write_large_cell<4>(end_, picoseconds);
  }
  // of a latency,
  [[gnu::always_inline]] void narrow_latency(std::uint64_t picoseconds) {
    end_ = digits::write_scaled_cell<3>(end_, picoseconds);
  }
  // and of whole seconds, as text of so many letters with a point at its end, and the fraction
  // behind it.
  [[gnu::always_inline]] void narrow_seconds(std::uint64_t letters, std::uint64_t length,
                                             const digits::FractionDigits<4>& fraction) {
    std::memcpy(end_, &letters, sizeof(letters));
    end_ = fraction.write_cell(end_ + length - 1, 1);
  }
  // As it is, with its commas.
  template <std::size_t size>
  [[gnu::always_inline]] void text(const char (&cells)[size]) {
    std::memcpy(end_, cells, size - 1);
    end_ += size - 1;
  }
  // Precondition: no longer than a number.
  void word(std::string_view value) {
    char* end = end_;
    for (const char letter : value) {
      *end++ = letter;
    }
    end_with(end);
  }
  [[gnu::always_inline]] void empty() { end_with(end_); }

  // Once the last cell is written.
  [[gnu::always_inline]] void end() {
    TESSERA_INVARIANT(end_ <= limit_, "a row has room for its cells");
    end_[-1] = '\n';
    file_.keep(end_);
  }

 private:
  static constexpr std::size_t most_bytes = most_cells * (longest_number + 1);

  [[gnu::always_inline]] void end_with(char* end) {
    *end = ',';
    end_before_comma(end);
  }
  [[gnu::always_inline]] void end_before_comma(char* end) { end_ = end + 1; }

  RowWriter& file_;
  char* end_;
  const char* limit_;
};

}  // namespace tessera
