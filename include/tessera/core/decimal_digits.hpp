// Decimal digits in few instructions, right where they are wanted: what decimal.cpp and the cells
// of rows are written with.
//
// Digits come in groups of three, whose texts are in tables. A number is not divided group by
// group: one multiplication gives value / 1000^n as a binary fraction, and then every
// multiplication by 1000 lifts the next three digits above the point.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

#include "tessera/core/time.hpp"

namespace tessera::digits {

static_assert(std::endian::native == std::endian::little, "groups of digits are packed so");

__extension__ using UInt128 = unsigned __int128;

// Three digits as text, the first in the lowest byte. The highest byte is a length.
using Group = std::uint32_t;
inline constexpr std::uint32_t length_shift = 24;

// 8 KB: small enough to stay near, large enough to write a number in a few steps.
struct Groups {
  std::array<Group, 1000> full;       // all digits; and how many are left without zeros at the end
  std::array<Group, 1000> shortened;  // without the zeros that lead; and how many are left
};
inline constexpr Groups groups = [] {
  Groups all{};
  for (std::uint32_t value = 0; value < 1000; ++value) {
    const std::uint32_t digits =
        ('0' + value / 100) | ('0' + value / 10 % 10) << 8 | ('0' + value % 10) << 16;
    const std::uint32_t kept = value % 10 != 0 ? 3 : value % 100 != 0 ? 2 : value != 0 ? 1 : 0;
    const std::uint32_t length = value < 10 ? 1 : value < 100 ? 2 : 3;
    all.full[value] = digits | kept << length_shift;
    all.shortened[value] = digits >> 8 * (3 - length) | length << length_shift;
  }
  return all;
}();

// These write up to three bytes beyond the end that they return.
inline char* write_full(char* out, std::uint64_t below_1000) {
  std::memcpy(out, &groups.full[below_1000], sizeof(Group));
  return out + 3;
}
// Without the zeros that end it: nothing for 0.
inline char* write_last(char* out, std::uint64_t below_1000) {
  const Group group = groups.full[below_1000];
  std::memcpy(out, &group, sizeof(Group));
  return out + (group >> length_shift);
}
// Without the zeros that lead it.
inline char* write_short(char* out, std::uint64_t below_1000) {
  const Group group = groups.shortened[below_1000];
  std::memcpy(out, &group, sizeof(Group));
  return out + (group >> length_shift);
}

// value / 1000^num_groups.
template <int num_groups>
struct Scaled {
  static constexpr std::uint64_t unit = 1000 * Scaled<num_groups - 1>::unit;
  // The values for which it is exact.
  static constexpr std::uint64_t limit = std::uint64_t{1} << 63;

  // Precondition: value < limit.
  explicit Scaled(std::uint64_t value) {
    const UInt128 product = static_cast<UInt128>(value) * multiplier;
    whole = static_cast<std::uint64_t>(product >> 64) >> (shift - 64);
    fraction = static_cast<std::uint64_t>(product >> (shift - 64)) + 1;
    // Now: left for later, both halves of the product would have to be kept for it.
    asm("" : "+r"(fraction));
  }

  std::uint64_t whole;
  // What is behind the point, as a share of 2^64. It lies above its value, but by less than 1 in
  // the last digit, as is checked below.
  std::uint64_t fraction;

 private:
  // 2^shift / unit, rounded up: as many bits as there is room for.
  static constexpr int shift = 63 + std::bit_width(unit);
  static constexpr auto multiplier =
      static_cast<std::uint64_t>(((UInt128{1} << shift) + unit - 1) / unit);
  static constexpr UInt128 too_much = UInt128{multiplier} * unit - (UInt128{1} << shift);
  static_assert(too_much * limit + (UInt128{unit} << (shift - 64)) < UInt128{1} << shift);
};
template <>
struct Scaled<0> {
  static constexpr std::uint64_t unit = 1;
};

// The next three digits of a share of 2^64.
inline std::uint64_t next_group(std::uint64_t& fraction) {
#ifdef __x86_64__
  // g++ 12 would copy the lower half there and back.
  std::uint64_t group = 0;
  asm("mulq %2" : "=d"(group), "+a"(fraction) : "r"(std::uint64_t{1000}) : "cc");
  return group;
#else
  const UInt128 product = static_cast<UInt128>(fraction) * 1000;
  fraction = static_cast<std::uint64_t>(product);
  return static_cast<std::uint64_t>(product >> 64);
#endif
}

// Four to six digits.
inline char* write_six(char* out, std::uint64_t value) {
  const auto narrow = static_cast<std::uint32_t>(value);  // is divided in fewer instructions
  return write_full(write_short(out, narrow / 1'000), narrow % 1'000);
}

// Seven to nine.
[[gnu::always_inline]] inline char* write_nine(char* out, std::uint64_t value) {
  const Scaled<2> scaled(value);
  std::uint64_t fraction = scaled.fraction;
  out = write_full(write_short(out, scaled.whole), next_group(fraction));
  return write_full(out, next_group(fraction));
}

// Seven and more.
[[nodiscard]] char* write_long(char* out, std::uint64_t value);

inline char* write_whole(char* out, std::uint64_t value) {
  if (value < 1'000) {
    return write_short(out, value);
  }
  return value < 1'000'000 ? write_six(out, value) : write_long(out, value);
}

// Takes back the zeros that end the text, and a point before them.
[[nodiscard]] char* drop_zeros(char* end);

// The digits of a fraction, without the zeros that end it, behind a point that is there; for 0, it
// is taken back.
template <int num_groups>
inline char* write_fraction(char* out, std::uint64_t fraction) {
  for (int group = 1; group < num_groups; ++group) {
    out = write_full(out, next_group(fraction));
  }
  const std::uint64_t last = next_group(fraction);
  if (last == 0 && out[-1] == '0') [[unlikely]] {
    return drop_zeros(out);
  }
  return write_last(out, last);
}

// value / 1000^num_groups as decimal text. Precondition: value < Scaled<num_groups>::limit.
template <int num_groups>
inline char* write_scaled(char* out, std::uint64_t value) {
  const Scaled<num_groups> scaled(value);
  out = write_whole(out, scaled.whole);
  *out = '.';
  return write_fraction<num_groups>(out + 1, scaled.fraction);
}

// Seconds, where rows that follow each other are close in time: the texts of whole seconds that
// were written lately are remembered.
class RecentSeconds {
 public:
  // As write_scaled<4>().
  char* write(char* out, std::uint64_t picoseconds) {
    const Scaled<4> scaled(picoseconds);
    Text& text = texts_[scaled.whole % texts_.size()];
    if (text.whole != scaled.whole) [[unlikely]] {
      text = Text(scaled.whole);
    }
    std::memcpy(out, text.letters.data(), text.letters.size());
    return write_fraction<4>(out + text.length, scaled.fraction);
  }

 private:
  // With the point behind it.
  struct Text {
    Text() = default;
    explicit Text(std::uint64_t seconds) : whole(static_cast<std::uint32_t>(seconds)) {
      std::array<char, 12> room{};
      char* const end = write_whole(room.data(), seconds);
      *end = '.';
      length = static_cast<std::uint32_t>(end + 1 - room.data());
      std::memcpy(letters.data(), room.data(), letters.size());
    }

    std::uint32_t whole = std::numeric_limits<std::uint32_t>::max();  // none
    std::uint32_t length = 0;
    std::array<char, 8> letters{};
  };
  static_assert(Scaled<4>::limit / Scaled<4>::unit < 10'000'000, "seven digits and a point");

  std::array<Text, 16> texts_;
};

}  // namespace tessera::digits
