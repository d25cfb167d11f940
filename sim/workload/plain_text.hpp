// Numbers and words read forwards from text, eight characters at a time and with nothing but
// comparisons of whole words in between: what the plain rows of a trace are read with.
//
// Text that is read so is that of LineReader: behind its end stand `readable_behind` characters
// that may be looked at, the first of which is an end of line or a zero, and so neither a digit nor
// any other character that is taken here. That is why nothing below asks where the text ends.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "tessera/core/time.hpp"

namespace tessera {

inline constexpr std::size_t readable_behind = 80;

// Digits in a row: their value and how many there are.
struct DigitRun {
  std::uint64_t value = 0;
  std::size_t length = 0;
};

// The value of eight digits, bytes of 0 to 9 of which the last stands highest.
[[nodiscard]] inline std::uint64_t joined_digits(std::uint64_t word) {
  // Neighbours are put together: to pairs, the pairs to fours, and those to the value.
  word = word * 10 + (word >> 8);
  constexpr std::uint64_t pairs = 0x000000FF000000FF;
  return ((word & pairs) * (100 + (std::uint64_t{1'000'000} << 32)) +
          ((word >> 16) & pairs) * (1 + (std::uint64_t{10'000} << 32))) >>
         32;
}

// Up to eight digits at `text`.
[[nodiscard]] inline DigitRun short_digit_run(const char* text) {
  static_assert(std::endian::native == std::endian::little, "the first character is the lowest");
  constexpr std::uint64_t each = 0x0101010101010101;
  std::uint64_t word = 0;
  std::memcpy(&word, text, sizeof word);
  word ^= each * '0';  // digits become 0 to 9; the sum below carries only out of others
  const std::uint64_t others = ((word + each * 6) | word) & (each * 0xF0);
  const int bits = others == 0 ? 64 : std::countr_zero(others) & ~7;
  if (bits == 0) {
    return {};
  }
  // The last digit comes to stand highest, with zeros in front of the first.
  return {joined_digits(word << (64 - bits)), static_cast<std::size_t>(bits) / 8};
}

inline constexpr std::array<std::int64_t, 13> powers_of_ten{1,
                                                            10,
                                                            100,
                                                            1'000,
                                                            10'000,
                                                            100'000,
                                                            1'000'000,
                                                            10'000'000,
                                                            100'000'000,
                                                            1'000'000'000,
                                                            10'000'000'000,
                                                            100'000'000'000,
                                                            1'000'000'000'000};

// Up to sixteen digits at `text`.
[[nodiscard]] inline DigitRun digit_run(const char* text) {
  const DigitRun first = short_digit_run(text);
  if (first.length < 8) {
    return first;
  }
  const DigitRun rest = short_digit_run(text + 8);
  return {first.value * static_cast<std::uint64_t>(powers_of_ten[rest.length]) + rest.value,
          8 + rest.length};
}

// Walks over plain text. What cannot be taken is left where it is, for a stricter reader to say
// what is wrong with it or that nothing is.
class PlainText {
 public:
  explicit PlainText(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  [[nodiscard]] bool at_end() const { return at_ == end_; }
  [[nodiscard]] const char* at() const { return at_; }
  [[nodiscard]] std::string_view rest() const { return {at_, end_}; }
  void skip(std::size_t length) { at_ += length; }

  bool take(char c) {
    if (*at_ != c) {
      return false;
    }
    ++at_;
    return true;
  }
  // `Length` - 1 is at most `readable_behind`.
  template <std::size_t Length>
  bool take(const char (&word)[Length]) {
    static_assert(Length - 1 <= readable_behind);
    if (std::memcmp(at_, word, Length - 1) != 0) {
      return false;
    }
    at_ += Length - 1;
    return true;
  }
  // At most eight digits, so that any is fewer tokens than may be.
  bool take_tokens(std::uint32_t& tokens) {
    const DigitRun run = short_digit_run(at_);
    at_ += run.length;
    tokens = static_cast<std::uint32_t>(run.value);
    return run.length > 0;
  }
  // A number of at most sixteen digits.
  bool take_id(std::uint64_t& id) {
    const DigitRun run = digit_run(at_);
    at_ += run.length;
    id = run.value;
    return run.length > 0;
  }
  // "12" or "12.5", in units of 10^Digits picoseconds, with no more decimals than count.
  template <std::size_t Digits>
  bool take_time(Duration& time) {
    const DigitRun whole = digit_run(at_);
    if (whole.length == 0 || whole.length > 12) {
      return false;
    }
    at_ += whole.length;
    std::int64_t part = 0;
    if (take('.')) {
      const DigitRun decimals = digit_run(at_);
      if (decimals.length == 0 || decimals.length > Digits) {
        return false;
      }
      at_ += decimals.length;
      part = static_cast<std::int64_t>(decimals.value) * powers_of_ten[Digits - decimals.length];
    }
    time = Duration::picoseconds(static_cast<Int128>(whole.value) * powers_of_ten[Digits] + part);
    return true;
  }

 private:
  const char* at_;
  const char* end_;
};

}  // namespace tessera
