// Decimal digits in few instructions, right where they are wanted: what decimal.cpp and the cells
// of rows are written with.
//
// Digits come in groups of three, whose texts are in tables. A number is not divided group by
// group: one multiplication gives value / 1000^n as a binary fraction, and then every
// multiplication by 1000 lifts the next three digits above the point.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

#include "tessera/core/time.hpp"

namespace tessera::digits {

static_assert(std::endian::native == std::endian::little, "groups of digits are packed so");

__extension__ using UInt128 = unsigned __int128;

// Three digits as text and a comma behind them, the first in the lowest byte.
using Group = std::uint32_t;
// Up to three digits and a comma behind them; and how many they are, in the higher half.
using ShortGroup = std::uint64_t;
inline constexpr std::uint32_t length_shift = 32;

// 20 KB: small enough to stay near, large enough to write a number in a few steps.
struct Groups {
  std::array<Group, 1000> full;          // all digits
  std::array<ShortGroup, 1000> last;     // without the zeros that end them: none of 0
  std::array<ShortGroup, 1000> leading;  // without the zeros that lead them
};
inline constexpr Groups groups = [] {
  Groups all{};
  const auto shortened = [](std::uint32_t digits, std::uint32_t length) {
    const auto text = digits | std::uint32_t{','} << 8 * length;
    return ShortGroup{length} << length_shift | text;
  };
  for (std::uint32_t value = 0; value < 1000; ++value) {
    const std::uint32_t digits =
        ('0' + value / 100) | ('0' + value / 10 % 10) << 8 | ('0' + value % 10) << 16;
    const std::uint32_t kept = value % 10 != 0 ? 3 : value % 100 != 0 ? 2 : value != 0 ? 1 : 0;
    const std::uint32_t length = value < 10 ? 1 : value < 100 ? 2 : 3;
    all.full[value] = digits | std::uint32_t{','} << 24;
    all.last[value] = shortened(digits & ((1U << 8 * kept) - 1), kept);
    all.leading[value] = shortened(digits >> 8 * (3 - length), length);
  }
  return all;
}();

inline void write_group(char* out, Group group) {
  std::memcpy(out, &group, sizeof(group));
}
// Whatever writes a number here puts a comma behind it: most are a cell of a row. Up to two more
// bytes are written, too.
inline char* write_full(char* out, std::uint64_t below_1000) {
  write_group(out, groups.full[below_1000]);
  return out + 3;
}
// Without the zeros that lead it.
inline char* write_short(char* out, std::uint64_t below_1000) {
  const ShortGroup group = groups.leading[below_1000];
  write_group(out, static_cast<Group>(group));
  return out + (group >> length_shift);
}

inline constexpr std::uint64_t thousand = 1000;

// The next three digits of a share of 2^64.
[[gnu::always_inline]] inline std::uint64_t next_group(std::uint64_t& fraction) {
#ifdef __x86_64__
  // g++ 12 would copy the lower half there and back, and find no register for the thousand.
  std::uint64_t group = 0;
  asm("mulq %2" : "=d"(group), "+a"(fraction) : "m"(thousand) : "cc");
  return group;
#else
  const UInt128 product = static_cast<UInt128>(fraction) * thousand;
  fraction = static_cast<std::uint64_t>(product);
  return static_cast<std::uint64_t>(product >> 64);
#endif
}

// Has it worked out here: what is left for later costs more, as more must be kept for it.
template <class Number>
[[gnu::always_inline]] inline Number computed_here(Number number) {
  asm("" : "+r"(number));
  return number;
}

// value / 1000^num_groups, of values below 2^value_bits.
template <int num_groups, int value_bits = 63>
struct Scaled {
  static constexpr std::uint64_t unit = 1000 * Scaled<num_groups - 1, value_bits>::unit;
  // The values for which it is exact.
  static constexpr std::uint64_t limit = std::uint64_t{1} << value_bits;

  // Precondition: value < limit.
  explicit Scaled(std::uint64_t value) {
    const UInt128 product = static_cast<UInt128>(value) * multiplier;
    whole = static_cast<std::uint64_t>(product >> 64) >> (shift - 64);
    const bool is_cut_off = shift > 64;
    fraction =
        computed_here(static_cast<std::uint64_t>(product >> (shift - 64)) + (is_cut_off ? 1 : 0));
  }

  std::uint64_t whole;
  // What is behind the point, as a share of 2^64. It does not lie below its value, and above it by
  // less than 1 in the last digit, as is checked below.
  std::uint64_t fraction;

 private:
  // 2^shift / unit, rounded up: as many bits as there is room for, or as are enough.
  static constexpr int shift = std::max(64, value_bits + static_cast<int>(std::bit_width(unit)));
  static constexpr auto multiplier =
      static_cast<std::uint64_t>(((UInt128{1} << shift) + unit - 1) / unit);
  static constexpr UInt128 too_much = UInt128{multiplier} * unit - (UInt128{1} << shift);
  static constexpr UInt128 cut_off = shift > 64 ? UInt128{unit} << (shift - 64) : 0;
  static_assert(too_much * limit + cut_off < UInt128{1} << shift);
};
template <int value_bits>
struct Scaled<0, value_bits> {
  static constexpr std::uint64_t unit = 1;
};

// Four to six digits.
inline char* write_six(char* out, std::uint64_t value) {
  Scaled<1, 20> scaled(computed_here(value));
  return write_full(write_short(out, scaled.whole), next_group(scaled.fraction));
}

// Seven to nine.
[[gnu::always_inline]] inline char* write_nine(char* out, std::uint64_t value) {
  Scaled<2, 30> scaled(computed_here(value));
  out = write_full(write_short(out, scaled.whole), next_group(scaled.fraction));
  return write_full(out, next_group(scaled.fraction));
}

// Seven and more.
[[nodiscard]] char* write_long(char* out, std::uint64_t value);

inline char* write_whole(char* out, std::uint64_t value) {
  if (value < 1'000) {
    return write_short(out, value);
  }
  return value < 1'000'000 ? write_six(out, value) : write_long(out, value);
}

// Takes back the zeros that end the text of so many letters, and a point before them. Puts a comma
// behind it and returns what is behind that.
[[nodiscard]] char* drop_zeros(char* text, int letters);

// The digits of a fraction, taken from it before the whole part is written: that has other uses for
// the registers.
template <int num_groups>
struct FractionDigits {
  [[gnu::always_inline]] static FractionDigits of(std::uint64_t fraction) {
    const Group first = computed_here(groups.full[next_group(fraction)]);
    return {first, FractionDigits<num_groups - 1>::of(fraction)};
  }
  // Behind so many letters of a text, the last of which is a point: it is taken back from 0.
  // Without the zeros that end the digits. Returns what is behind the comma.
  [[gnu::always_inline]] char* write_cell(char* text, int letters) const {
    write_group(text + letters, first);
    return others.write_cell(text, letters + 3);
  }

  Group first;
  FractionDigits<num_groups - 1> others;
};
template <>
struct FractionDigits<1> {
  [[gnu::always_inline]] static FractionDigits of(std::uint64_t fraction) {
    return {computed_here(groups.last[next_group(fraction)])};
  }
  [[gnu::always_inline]] char* write_cell(char* text, int letters) const {
    write_group(text + letters, static_cast<Group>(last));
    const std::uint64_t length = last >> length_shift;
    if (length == 0 && text[letters - 1] == '0') [[unlikely]] {
      return drop_zeros(text, letters);
    }
    return text + letters + 1 + length;
  }

  ShortGroup last;
};

// value / 1000^num_groups as decimal text. Returns what is behind the comma.
// Precondition: value < Scaled<num_groups>::limit.
template <int num_groups>
[[gnu::always_inline]] inline char* write_scaled_cell(char* out, std::uint64_t value) {
  const Scaled<num_groups> scaled(value);
  const auto fraction = FractionDigits<num_groups>::of(scaled.fraction);
  out = write_whole(out, scaled.whole);
  *out = '.';
  return fraction.write_cell(out, 1);
}

// The same in fewer instructions where the whole part has mostly more than three digits: they are
// taken from a fraction, too. Precondition: value < Scaled<num_groups + 2>::limit.
template <int num_groups>
[[gnu::always_inline]] inline char* write_large_cell(char* out, std::uint64_t value) {
  const Scaled<num_groups + 2> millions(value);
  std::uint64_t rest = millions.fraction;
  const std::uint64_t thousands = next_group(rest);
  const std::uint64_t ones = next_group(rest);
  const auto fraction = FractionDigits<num_groups>::of(rest);
  if (millions.whole == 0 && thousands == 0) [[unlikely]] {
    out = write_short(out, ones);
  } else {
    out = millions.whole == 0 ? write_short(out, thousands)
                              : write_full(write_short(out, millions.whole), thousands);
    out = write_full(out, ones);
  }
  *out = '.';
  return fraction.write_cell(out, 1);
}

// Where rows that follow each other are close in time, the texts of whole seconds that were written
// lately are remembered.
class RecentSeconds {
 public:
  // With the point behind it.
  struct Text {
    Text() = default;
    explicit Text(std::uint64_t seconds) : whole(static_cast<std::uint32_t>(seconds)) {
      std::array<char, 12> room{};
      char* const end = write_whole(room.data(), seconds);
      *end = '.';
      length = static_cast<std::uint32_t>(end + 1 - room.data());
      std::memcpy(&letters, room.data(), sizeof(letters));
    }

    std::uint32_t whole = std::numeric_limits<std::uint32_t>::max();  // none
    std::uint32_t length = 0;
    std::uint64_t letters = 0;
  };
  static_assert(Scaled<4>::limit / Scaled<4>::unit < 10'000'000, "seven digits and a point");

  // Precondition: Scaled<4> makes such whole seconds.
  const Text& of(std::uint64_t seconds) {
    Text& text = texts_[seconds % texts_.size()];
    if (text.whole != static_cast<std::uint32_t>(seconds)) [[unlikely]] {
      text = Text(seconds);
    }
    return text;
  }

 private:
  std::array<Text, 16> texts_;
};

}  // namespace tessera::digits
