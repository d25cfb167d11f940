#include "tessera/core/decimal.hpp"

#include <array>
#include <charconv>
#include <cmath>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

// `value` / 10^digits as decimal text, trailing zeros dropped. Wide integers are divided once only:
// each such division costs as much as the rest of a number. Precondition: digits <= 18.
void append_scaled(std::string& out, Int128 value, std::size_t digits) {
  if (value < 0) {
    out += '-';
    value = -value;
  }
  std::int64_t unit = 1;
  for (std::size_t i = 0; i < digits; ++i) {
    unit *= 10;
  }
  const Int128 whole = value / unit;
  auto rest = static_cast<std::int64_t>(value - whole * unit);
  append_integer(out, whole);
  if (rest == 0) {
    return;
  }
  while (rest % 10 == 0) {
    rest /= 10;
    --digits;
  }
  const std::size_t point = out.size();
  out.append(digits + 1, '.');
  for (std::size_t at = point + digits; at > point; --at) {
    out[at] = static_cast<char>('0' + rest % 10);
    rest /= 10;
  }
}

}  // namespace

void append_integer(std::string& out, std::int64_t value) {
  std::array<char, 24> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), value).ptr;
  out.append(text.data(), end);
}

void append_integer(std::string& out, Int128 value) {
  constexpr Int128 piece = 1'000'000'000'000'000'000;
  if (value < 0) {
    out += '-';
    value = -value;
  }
  if (value < piece) {
    append_integer(out, static_cast<std::int64_t>(value));
    return;
  }
  append_integer(out, value / piece);
  std::string low;
  append_integer(low, static_cast<std::int64_t>(value % piece));
  out.append(18 - low.size(), '0');
  out += low;
}

void append_seconds(std::string& out, Duration duration) {
  append_scaled(out, duration.picoseconds(), 12);
}

void append_milliseconds(std::string& out, Duration duration) {
  append_scaled(out, duration.picoseconds(), 9);
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
  return Duration::picoseconds((2 * numerator.picoseconds() + denominator) /
                               (2 * static_cast<Int128>(denominator)));
}

}  // namespace tessera
