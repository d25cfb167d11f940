#include "tessera/core/decimal.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "tessera/core/contract.hpp"
#include "tessera/core/decimal_digits.hpp"

namespace tessera {
namespace {

constexpr std::uint64_t billion = 1'000'000'000;

// Of nine digits, with the zeros that lead them.
char* write_all_nine(char* out, std::uint64_t value) {
  std::uint64_t fraction = digits::Scaled<3>(value).fraction;
  for (int group = 0; group < 3; ++group) {
    out = digits::write_full(out, digits::next_group(fraction));
  }
  return out;
}

// Of a negative value and of one that is not below the limit of Scaled. Wide integers are
// divided only where they must be: such a division costs as much as the rest of a number.
template <int num_groups>
[[gnu::noinline]] char* write_unusual(char* out, Int128 value) {
  using Scaled = digits::Scaled<num_groups>;
  if (value < 0) {
    *out++ = '-';
    value = -value;
  }
  const Int128 whole = value / Scaled::unit;
  const auto rest = static_cast<std::uint64_t>(value - whole * Scaled::unit);
  out = write_integer(out, whole);
  *out = '.';
  return digits::FractionDigits<num_groups>::of(Scaled(rest).fraction).write_cell(out, 1) - 1;
}

template <int num_groups>
char* write_scaled(char* out, Duration duration) {
  const Int128 value = duration.picoseconds();
  return value >= 0 && value < digits::Scaled<num_groups>::limit
             ? digits::write_scaled_cell<num_groups>(out, static_cast<std::uint64_t>(value)) - 1
             : write_unusual<num_groups>(out, value);
}

template <class Write>
void append(std::string& out, Write write) {
  std::array<char, longest_number> text;
  out.append(text.data(), write(text.data()));
}

}  // namespace

char* write_integer(char* out, std::int64_t value) {
  if (value < 0) {
    *out++ = '-';
    return digits::write_whole(out, std::uint64_t{0} - static_cast<std::uint64_t>(value));
  }
  return digits::write_whole(out, static_cast<std::uint64_t>(value));
}

char* write_integer(char* out, Int128 value) {
  constexpr Int128 piece = 1'000'000'000'000'000'000;
  if (value < 0) {
    *out++ = '-';
    value = -value;
  }
  if (value < piece) {
    return digits::write_whole(out, static_cast<std::uint64_t>(value));
  }
  out = write_integer(out, value / piece);
  const auto low = static_cast<std::uint64_t>(value % piece);
  return write_all_nine(write_all_nine(out, low / billion), low % billion);
}

char* write_seconds(char* out, Duration duration) {
  return write_scaled<4>(out, duration);
}

char* write_milliseconds(char* out, Duration duration) {
  return write_scaled<3>(out, duration);
}

char* digits::write_long(char* out, std::uint64_t value) {
  return value < billion ? write_nine(out, value)
                         : write_all_nine(write_whole(out, value / billion), value % billion);
}

char* digits::drop_zeros(char* text, int letters) {
  char* end = text + letters;
  while (end[-1] == '0') {
    --end;
  }
  end -= end[-1] == '.' ? 1 : 0;
  *end = ',';
  return end + 1;
}

void append_integer(std::string& out, std::int64_t value) {
  append(out, [value](char* text) { return write_integer(text, value); });
}

void append_integer(std::string& out, Int128 value) {
  append(out, [value](char* text) { return write_integer(text, value); });
}

void append_seconds(std::string& out, Duration duration) {
  append(out, [duration](char* text) { return write_seconds(text, duration); });
}

void append_milliseconds(std::string& out, Duration duration) {
  append(out, [duration](char* text) { return write_milliseconds(text, duration); });
}

void append_real(std::string& out, double value) {
  TESSERA_INVARIANT(std::isfinite(value), "a number that is written is finite");
  std::array<char, 400> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed).ptr;
  out.append(text.data(), end);
}

Duration divide_nearest_wide(Duration numerator, std::int64_t denominator) {
  TESSERA_INVARIANT(denominator > 0 && numerator >= Duration{}, "a mean is of something");
  return Duration::picoseconds((numerator.picoseconds() + denominator / 2) / denominator);
}

}  // namespace tessera
