// Numbers as text, exactly: what the CSV files hold.
#pragma once

#include <cstddef>
#include <cstdint>
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
[[nodiscard]] Duration divide_nearest(Duration numerator, std::int64_t denominator);

}  // namespace tessera
