#include "tessera/core/decimal.hpp"

#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

static_assert(std::endian::native == std::endian::little, "groups of digits are packed so");

// Three digits as text, the first in the lowest byte. The highest byte says by how many bits to
// shift the zeros that lead out of it, so also how many lead, and how many zeros end it (the last
// digit of 0 leads no number).
class Group {
 public:
  constexpr Group() = default;
  constexpr explicit Group(std::uint32_t value) {
    const std::uint32_t leading = value < 10 ? 2 : value < 100 ? 1 : 0;
    const std::uint32_t trailing = value == 0 ? 3 : value % 100 == 0 ? 2 : value % 10 == 0 ? 1 : 0;
    packed_ = ('0' + value / 100) | ('0' + value / 10 % 10) << 8 | ('0' + value % 10) << 16 |
              (8 * leading) << 24 | trailing << 30;
  }

  [[nodiscard]] constexpr std::uint32_t text() const { return packed_; }
  [[nodiscard]] constexpr std::uint32_t short_text() const {
    return packed_ >> (packed_ >> 24 & 31);
  }
  [[nodiscard]] constexpr std::uint32_t leading() const { return packed_ >> 27 & 3; }
  [[nodiscard]] constexpr std::uint32_t trailing() const { return packed_ >> 30; }

 private:
  std::uint32_t packed_ = 0;
};

// 4 KB: small enough to stay near, large enough to write a number in a few steps.
constexpr std::array<Group, 1000> make_groups() {
  std::array<Group, 1000> groups{};
  for (std::uint32_t value = 0; value < groups.size(); ++value) {
    groups[value] = Group(value);
  }
  return groups;
}
constexpr std::array<Group, 1000> groups = make_groups();

// These write up to a byte beyond the end that they return. Numbers of 32 bits are divided in
// fewer instructions.
inline char* write_text(char* out, std::uint32_t text) {
  std::memcpy(out, &text, 4);
  return out + 3;
}
inline char* write_group(char* out, std::uint32_t value) {
  return write_text(out, groups[value].text());
}
inline char* write_short(char* out, std::uint32_t value) {
  const Group group = groups[value];
  return write_text(out, group.short_text()) - group.leading();
}
inline char* write_six(char* out, std::uint32_t value) {
  return write_group(write_group(out, value / 1'000), value % 1'000);
}
inline char* write_short_six(char* out, std::uint32_t value) {
  return value < 1'000 ? write_short(out, value)
                       : write_group(write_short(out, value / 1'000), value % 1'000);
}

constexpr std::uint64_t million = 1'000'000;

// Of more than six digits.
[[gnu::noinline]] char* write_long(char* out, std::uint64_t value) {
  const std::uint64_t high = value / million;
  const auto low = static_cast<std::uint32_t>(value % million);
  out = high < million ? write_short_six(out, static_cast<std::uint32_t>(high))
                       : write_long(out, high);
  return write_six(out, low);
}

inline char* write_positive(char* out, std::uint64_t value) {
  return value < million ? write_short_six(out, static_cast<std::uint32_t>(value))
                         : write_long(out, value);
}

[[gnu::noinline]] char* drop_zeros(char* end) {
  while (end[-1] == '0') {
    --end;
  }
  return end;
}

// The decimals of a fraction, three in each group, trailing zeros dropped, behind a point; nothing
// for 0.
template <int num_groups>
inline char* write_fraction(char* out, std::uint64_t rest) {
  static_assert(num_groups == 3 || num_groups == 4);
  if (rest == 0) {
    return out;
  }
  *out++ = '.';
  const auto high = static_cast<std::uint32_t>(rest / million);
  const auto low = static_cast<std::uint32_t>(rest - high * million);
  out = num_groups == 4 ? write_six(out, high) : write_group(out, high);
  out = write_group(out, low / 1'000);
  const Group last = groups[low % 1'000];
  out = write_text(out, last.text()) - last.trailing();
  return last.trailing() == 3 ? drop_zeros(out) : out;
}

// Of a negative or a wide value. Wide integers are divided only where they must be: such a division
// costs as much as the rest of a number.
template <std::uint64_t unit, int num_groups>
[[gnu::noinline]] char* write_unusual(char* out, Int128 value) {
  if (value < 0) {
    *out++ = '-';
    value = -value;
  }
  const Int128 whole = value / unit;
  out = write_integer(out, whole);
  return write_fraction<num_groups>(out, static_cast<std::uint64_t>(value - whole * unit));
}

// `value` / unit as decimal text, where unit = 1000^num_groups.
template <std::uint64_t unit, int num_groups>
inline char* write_scaled(char* out, Int128 value) {
  const auto narrow = static_cast<std::uint64_t>(value);
  if (value != narrow) {
    return write_unusual<unit, num_groups>(out, value);
  }
  if (narrow == 0) {
    *out = '0';
    return out + 1;
  }
  const std::uint64_t whole = narrow / unit;
  return write_fraction<num_groups>(write_positive(out, whole), narrow - whole * unit);
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
  for (const std::uint64_t six :
       {low / million / million, low / million % million, low % million}) {
    out = write_six(out, static_cast<std::uint32_t>(six));
  }
  return out;
}

char* write_seconds(char* out, Duration duration) {
  return write_scaled<1'000'000'000'000, 4>(out, duration.picoseconds());
}

char* write_milliseconds(char* out, Duration duration) {
  return write_scaled<1'000'000'000, 3>(out, duration.picoseconds());
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
