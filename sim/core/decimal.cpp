#include "tessera/core/decimal.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

constexpr std::array<char, 200> two_digits = [] {
  std::array<char, 200> text{};
  for (std::size_t i = 0; i < 100; ++i) {
    text[2 * i] = static_cast<char>('0' + i / 10);
    text[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return text;
}();

// Writes the digits of `value` so that they end before `end`; returns where they begin.
char* write_backwards(char* end, std::uint64_t value) {
  while (value >= 100) {
    end -= 2;
    std::memcpy(end, &two_digits[value % 100 * 2], 2);
    value /= 100;
  }
  if (value >= 10) {
    end -= 2;
    std::memcpy(end, &two_digits[value * 2], 2);
  } else {
    *--end = static_cast<char>('0' + value);
  }
  return end;
}

char* write_positive(char* out, std::uint64_t value) {
  std::array<char, 20> text;
  char* const end = text.data() + text.size();
  const char* const begin = write_backwards(end, value);
  const auto length = static_cast<std::size_t>(end - begin);
  std::memcpy(out, begin, length);
  return out + length;
}

// The first `digits` decimals of a fraction, trailing zeros dropped, behind a point; nothing for 0.
template <int digits>
char* write_fraction(char* out, std::uint64_t rest) {
  if (rest == 0) {
    return out;
  }
  *out++ = '.';
  std::memset(out, '0', digits);
  write_backwards(out + digits, rest);
  out += digits;
  while (out[-1] == '0') {
    --out;
  }
  return out;
}

// `value` / unit as decimal text, where unit = 10^digits. Wide integers are divided only where they
// must be: each such division costs as much as the rest of a number.
template <std::uint64_t unit, int digits>
char* write_scaled(char* out, Int128 value) {
  if (value < 0) {
    *out++ = '-';
    value = -value;
  }
  if (value <= std::numeric_limits<std::int64_t>::max()) {
    const auto narrow = static_cast<std::uint64_t>(value);
    out = write_positive(out, narrow / unit);
    return write_fraction<digits>(out, narrow % unit);
  }
  const Int128 whole = value / unit;
  out = write_integer(out, whole);
  return write_fraction<digits>(out, static_cast<std::uint64_t>(value - whole * unit));
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
    return write_positive(out, std::uint64_t{0} - static_cast<std::uint64_t>(value));
  }
  return write_positive(out, static_cast<std::uint64_t>(value));
}

char* write_integer(char* out, Int128 value) {
  constexpr Int128 piece = 1'000'000'000'000'000'000;
  constexpr std::ptrdiff_t piece_digits = 18;
  if (value < 0) {
    *out++ = '-';
    value = -value;
  }
  if (value < piece) {
    return write_positive(out, static_cast<std::uint64_t>(value));
  }
  out = write_integer(out, value / piece);
  std::memset(out, '0', piece_digits);
  write_backwards(out + piece_digits, static_cast<std::uint64_t>(value % piece));
  return out + piece_digits;
}

char* write_seconds(char* out, Duration duration) {
  return write_scaled<1'000'000'000'000, 12>(out, duration.picoseconds());
}

char* write_milliseconds(char* out, Duration duration) {
  return write_scaled<1'000'000'000, 9>(out, duration.picoseconds());
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

Duration divide_nearest(Duration numerator, std::int64_t denominator) {
  TESSERA_INVARIANT(denominator > 0 && numerator >= Duration{}, "a mean is of something");
  const Int128 dividend = 2 * numerator.picoseconds() + denominator;
  const Int128 divisor = 2 * static_cast<Int128>(denominator);
  constexpr Int128 narrow = std::numeric_limits<std::int64_t>::max();
  if (dividend <= narrow && divisor <= narrow) {
    return Duration::picoseconds(static_cast<std::int64_t>(dividend) /
                                 static_cast<std::int64_t>(divisor));
  }
  return Duration::picoseconds(dividend / divisor);
}

}  // namespace tessera
