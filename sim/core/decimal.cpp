#include "tessera/core/decimal.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

static_assert(std::endian::native == std::endian::little, "eight_digits() packs them so");

// The eight digits of a number below 10^8, a byte each, the first in the lowest byte: pairs of
// digits are split off in all lanes at once.
std::uint64_t eight_digits(std::uint64_t value) {
  const std::uint64_t fours = value / 10'000 | value % 10'000 << 32;
  const std::uint64_t hundreds = (fours * 10'486 >> 20) & 0x0000007f'0000007f;
  const std::uint64_t twos = hundreds | (fours - 100 * hundreds) << 16;
  const std::uint64_t tens = (twos * 103 >> 10) & 0x000f'000f'000f'000f;
  return tens | (twos - 10 * tens) << 8;
}
constexpr std::uint64_t eight_zeros = 0x3030'3030'3030'3030;

char* write_eight(char* out, std::uint64_t value) {
  const std::uint64_t text = eight_digits(value) + eight_zeros;
  std::memcpy(out, &text, 8);
  return out + 8;
}

inline char* write_positive(char* out, std::uint64_t value);

// Of more than eight digits.
[[gnu::noinline]] char* write_long(char* out, std::uint64_t value) {
  constexpr std::uint64_t eight = 100'000'000;
  return write_eight(write_positive(out, value / eight), value % eight);
}

// May write up to eight bytes beyond the end that it returns.
inline char* write_positive(char* out, std::uint64_t value) {
  constexpr std::uint64_t eight = 100'000'000;
  if (value < 10) {
    *out = static_cast<char>('0' + value);
    return out + 1;
  }
  if (value >= eight) {
    return write_long(out, value);
  }
  const std::uint64_t digits = eight_digits(value);
  const int zeros = std::countr_zero(digits) / 8;
  const std::uint64_t text = (digits + eight_zeros) >> (8 * zeros);
  std::memcpy(out, &text, 8);
  return out + 8 - zeros;
}

// The `digits` decimals of a fraction, trailing zeros dropped, behind a point; nothing for 0.
template <int digits>
char* write_fraction(char* out, std::uint64_t rest) {
  static_assert(digits > 8 && digits <= 16);
  constexpr int low_digits = digits - 8;
  constexpr std::uint64_t unit = low_digits == 1 ? 10 : 10'000;
  static_assert(low_digits == 1 || low_digits == 4);
  if (rest == 0) {
    return out;
  }
  *out++ = '.';
  const std::uint64_t high = eight_digits(rest / unit);
  const std::uint64_t low = eight_digits(rest % unit) >> (64 - 8 * low_digits);
  const std::uint64_t high_text = high + eight_zeros;
  const std::uint64_t low_text = low + eight_zeros;
  std::memcpy(out, &high_text, 8);
  std::memcpy(out + 8, &low_text, 8);
  return low != 0 ? out + 16 - std::countl_zero(low) / 8 : out + 8 - std::countl_zero(high) / 8;
}

// `value` / unit as decimal text, where unit = 10^digits. Wide integers are divided only where they
// must be: each such division costs as much as the rest of a number.
template <std::uint64_t unit, int digits>
char* write_scaled(char* out, Int128 value) {
  if (value == 0) {
    *out = '0';
    return out + 1;
  }
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
  if (value < 0) {
    *out++ = '-';
    value = -value;
  }
  if (value < piece) {
    return write_positive(out, static_cast<std::uint64_t>(value));
  }
  out = write_integer(out, value / piece);
  const auto low = static_cast<std::uint64_t>(value % piece);
  constexpr std::uint64_t eight = 100'000'000;
  *out++ = static_cast<char>('0' + low / (eight * eight * 10));
  *out++ = static_cast<char>('0' + low / (eight * eight) % 10);
  return write_eight(write_eight(out, low / eight % eight), low % eight);
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
