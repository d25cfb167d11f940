#include "sim/workload/number_text.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "sim/workload/plain_text.hpp"

namespace tessera {
namespace {

constexpr int second_digits = 12;  // picoseconds in a second, as a power of ten
constexpr int millisecond_digits = 9;
constexpr int most_digits = 30;  // of a mantissa: its value stays below 2^126
constexpr Int128 farthest = static_cast<Int128>(10'000'000'000'000) * 1'000'000'000'000;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

Int128 power_of_ten(int exponent) {
  Int128 power = 1;
  for (int i = 0; i < exponent; ++i) {
    power *= 10;
  }
  return power;
}

// The digits of a decimal number, and the power of ten that they are to be multiplied by.
struct Scientific {
  Int128 mantissa = 0;
  int exponent = 0;
};

// Reads digits into the number. Digits beyond most_digits only shift it: they are far below what
// rounding to a picosecond looks at, or far above what a time may be.
class MantissaReader {
 public:
  // The number of digits read.
  std::size_t read(std::string_view& text, int exponent_per_digit) {
    std::size_t length = 0;
    while (length < text.size() && is_digit(text[length])) {
      append(text[length] - '0', exponent_per_digit);
      ++length;
    }
    text.remove_prefix(length);
    return length;
  }
  [[nodiscard]] Scientific number() const {
    return {high_ * static_cast<Int128>(low_unit_) + static_cast<Int128>(low_), exponent_};
  }

 private:
  void append(int digit, int exponent_per_digit) {
    if (digits_ == most_digits) {
      exponent_ += exponent_per_digit + 1;
      return;
    }
    // 64 bits at a time: 128-bit products for every digit would be most of the reader's time.
    if (low_unit_ == 1'000'000'000'000'000'000) {
      high_ = high_ * low_unit_ + low_;
      low_ = 0;
      low_unit_ = 1;
    }
    low_ = low_ * 10 + digit;
    low_unit_ *= 10;
    digits_ += digits_ > 0 || digit > 0 ? 1 : 0;
    exponent_ += exponent_per_digit;
  }

  Int128 high_ = 0;
  std::int64_t low_ = 0;
  std::int64_t low_unit_ = 1;
  int digits_ = 0;
  int exponent_ = 0;
};

std::optional<Scientific> parse_scientific(std::string_view text) {
  MantissaReader mantissa;
  std::size_t digits = mantissa.read(text, 0);
  if (!text.empty() && text.front() == '.') {
    text.remove_prefix(1);
    digits += mantissa.read(text, -1);
  }
  if (digits == 0 || digits > 10'000) {
    return std::nullopt;
  }
  Scientific number = mantissa.number();
  if (!text.empty() && (text.front() == 'e' || text.front() == 'E')) {
    text.remove_prefix(1);
    if (text.size() > 1 && text.front() == '+' && is_digit(text[1])) {
      text.remove_prefix(1);
    }
    int exponent = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
    if (error != std::errc{} || exponent > 10'000 || exponent < -10'000) {
      return std::nullopt;
    }
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    number.exponent += exponent;
  }
  return text.empty() ? std::optional{number} : std::nullopt;
}

// What nearly all times in traces are: digits, perhaps a point and no more decimals than count, few
// enough for 64 bits. Nothing for any other text.
std::optional<Duration> parse_short_time(std::string_view text, int unit_digits) {
  constexpr std::size_t most = 19;  // characters: 18 digits and a point
  if (text.empty() || text.size() > most) {
    return std::nullopt;
  }
  std::int64_t mantissa = 0;
  std::size_t point = text.size();
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_digit(text[i])) {
      mantissa = mantissa * 10 + (text[i] - '0');
    } else if (text[i] == '.' && point == text.size()) {
      point = i;
    } else {
      return std::nullopt;
    }
  }
  const std::size_t decimals = point == text.size() ? 0 : text.size() - point - 1;
  const std::size_t digits = point == text.size() ? text.size() : text.size() - 1;
  if (digits == 0 || digits == most || decimals > static_cast<std::size_t>(unit_digits)) {
    return std::nullopt;
  }
  const Int128 picoseconds =
      Int128{mantissa} * powers_of_ten[static_cast<std::size_t>(unit_digits) - decimals];
  return picoseconds <= farthest ? std::optional{Duration::picoseconds(picoseconds)} : std::nullopt;
}

// In units of 10^-unit_digits, to the nearest, ties upwards.
std::optional<Duration> parse_time(std::string_view text, int unit_digits) {
  if (const std::optional<Duration> time = parse_short_time(text, unit_digits)) {
    return time;
  }
  const std::optional<Scientific> number = parse_scientific(text);
  if (!number) {
    return std::nullopt;
  }
  const int shift = number->exponent + unit_digits;
  if (number->mantissa == 0 || shift < -most_digits) {
    return Duration{};
  }
  if (shift < 0) {
    const Int128 unit = power_of_ten(-shift);
    const Int128 rounded = (number->mantissa + unit / 2) / unit;
    return rounded <= farthest ? std::optional{Duration::picoseconds(rounded)} : std::nullopt;
  }
  if (shift > 25 || number->mantissa > farthest / power_of_ten(shift)) {
    return std::nullopt;
  }
  return Duration::picoseconds(number->mantissa * power_of_ten(shift));
}

// A number of exactly `width` digits at the front of the text, which it leaves behind.
std::optional<int> take_number(std::string_view& text, std::size_t width) {
  if (text.size() < width) {
    return std::nullopt;
  }
  int value = 0;
  for (const char c : text.substr(0, width)) {
    if (!is_digit(c)) {
      return std::nullopt;
    }
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(width);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) {
    return false;
  }
  text.remove_prefix(1);
  return true;
}

bool is_leap_year(int year) {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int days_in_month(int year, int month) {
  constexpr std::array<int, 12> days{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap_year(year) ? 29 : days[static_cast<std::size_t>(month - 1)];
}

// Days from the first of January of the year 0 to the given date.
std::int64_t days_since_year_0(int year, int month, int day) {
  const std::int64_t leap_days =
      year == 0 ? 0 : (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400 + 1;
  constexpr std::array<int, 12> days_before{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
  const int leap_day = month > 2 && is_leap_year(year) ? 1 : 0;
  return static_cast<std::int64_t>(year) * 365 + leap_days +
         days_before[static_cast<std::size_t>(month - 1)] + leap_day + day - 1;
}

std::optional<Duration> take_date(std::string_view& text) {
  const std::optional<int> year = take_number(text, 4);
  if (!year || !take(text, '-')) {
    return std::nullopt;
  }
  const std::optional<int> month = take_number(text, 2);
  if (!month || *month < 1 || *month > 12 || !take(text, '-')) {
    return std::nullopt;
  }
  const std::optional<int> day = take_number(text, 2);
  if (!day || *day < 1 || *day > days_in_month(*year, *month)) {
    return std::nullopt;
  }
  return Duration::seconds(86'400) * days_since_year_0(*year, *month, *day);
}

// "18:15"
std::optional<Duration> take_hours_minutes(std::string_view& text) {
  const std::optional<int> hours = take_number(text, 2);
  if (!hours || *hours > 23 || !take(text, ':')) {
    return std::nullopt;
  }
  const std::optional<int> minutes = take_number(text, 2);
  if (!minutes || *minutes > 59) {
    return std::nullopt;
  }
  return Duration::seconds(3600) * *hours + Duration::seconds(60) * *minutes;
}

// "46", "46.6805900"
std::optional<Duration> take_seconds(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && (is_digit(text[length]) || text[length] == '.')) {
    ++length;
  }
  const bool two_digits = length >= 2 && text[1] != '.' && (length == 2 || text[2] == '.');
  if (!two_digits || text[0] > '5') {
    return std::nullopt;
  }
  const std::optional<Duration> seconds = parse_seconds(text.substr(0, length));
  text.remove_prefix(length);
  return seconds;
}

// What the local time is ahead of universal time; nothing said is no difference.
std::optional<Duration> take_zone(std::string_view& text) {
  if (text.empty() || take(text, 'Z')) {
    return Duration{};
  }
  const bool ahead = take(text, '+');
  if (!ahead && !take(text, '-')) {
    return std::nullopt;
  }
  const std::optional<Duration> offset = take_hours_minutes(text);
  if (!offset) {
    return std::nullopt;
  }
  return ahead ? *offset : Duration{} - *offset;
}

}  // namespace

std::optional<std::uint32_t> parse_tokens(std::string_view text) {
  std::uint32_t tokens = 0;
  std::size_t digits = 0;
  while (digits < text.size() && digits < 9 && is_digit(text[digits])) {
    tokens = tokens * 10 + static_cast<std::uint32_t>(text[digits++] - '0');
  }
  if (digits == text.size() && digits > 0) {  // nine digits are below most_tokens
    return tokens;
  }
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (parsed.ec != std::errc{} || value > most_tokens) {
    return std::nullopt;
  }
  if (parsed.ptr != end) {
    if (*parsed.ptr != '.' || !std::all_of(parsed.ptr + 1, end, [](char c) { return c == '0'; })) {
      return std::nullopt;
    }
  }
  return static_cast<std::uint32_t>(value);
}

std::optional<std::uint64_t> parse_id(std::string_view text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

std::optional<Duration> parse_seconds(std::string_view text) {
  return parse_time(text, second_digits);
}

std::optional<Duration> parse_milliseconds(std::string_view text) {
  return parse_time(text, millisecond_digits);
}

std::optional<Duration> parse_date_time(std::string_view text) {
  const std::optional<Duration> date = take_date(text);
  if (!date || !(take(text, ' ') || take(text, 'T'))) {
    return std::nullopt;
  }
  const std::optional<Duration> minutes = take_hours_minutes(text);
  if (!minutes || !take(text, ':')) {
    return std::nullopt;
  }
  const std::optional<Duration> seconds = take_seconds(text);
  if (!seconds) {
    return std::nullopt;
  }
  const std::optional<Duration> zone = take_zone(text);
  if (!zone || !text.empty()) {
    return std::nullopt;
  }
  return *date + *minutes + *seconds - *zone;
}

std::string excerpt(std::string_view text) {
  constexpr std::size_t longest = 60;
  std::string shown(text.substr(0, longest));
  std::replace_if(
      shown.begin(), shown.end(),
      [](char c) { return static_cast<unsigned char>(c) < 32 || c == 127; }, '?');
  return "'" + shown + (text.size() > longest ? "...'" : "'");
}

}  // namespace tessera
