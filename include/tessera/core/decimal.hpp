// Numbers as text, exactly: what the CSV files hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>

#include "tessera/core/time.hpp"

namespace tessera {

// Appends decimal text exact to the picosecond, trailing zeros dropped: "12.5", "0",
// "0.000000000001".
void append_seconds(std::string& out, Duration duration);
void append_milliseconds(std::string& out, Duration duration);
void append_integer(std::string& out, std::int64_t value);
void append_integer(std::string& out, Int128 value);

// The same into memory with room for it: no number of the first three is longer than
// longest_number. They return the end of what they wrote.
inline constexpr std::size_t longest_number = 64;
char* write_integer(char* out, std::int64_t value);
char* write_integer(char* out, Int128 value);
char* write_seconds(char* out, Duration duration);
char* write_milliseconds(char* out, Duration duration);

// Appends the shortest decimal text that reads back as `value`, never in exponent form.
// Precondition: finite.
void append_real(std::string& out, double value);

// numerator / denominator as a duration, to the nearest picosecond, ties upwards (for TPOT and
// for means of exact sums). Precondition: denominator > 0, numerator >= 0.
[[nodiscard]] constexpr std::uint64_t divide_nearest(std::uint64_t numerator,
                                                     std::uint64_t denominator) {  // of 63 bits
  return (numerator + denominator / 2) / denominator;
}
[[nodiscard]] Duration divide_nearest_wide(Duration numerator, std::int64_t denominator);  // any
[[nodiscard]] inline Duration divide_nearest(Duration numerator, std::int64_t denominator) {
  const Int128 wide = numerator.picoseconds();
  if (wide < 0 || wide > std::numeric_limits<std::int64_t>::max() || denominator <= 0) {
    return divide_nearest_wide(numerator, denominator);
  }
  return Duration::picoseconds(
      divide_nearest(static_cast<std::uint64_t>(wide), static_cast<std::uint64_t>(denominator)));
}

}  // namespace tessera
