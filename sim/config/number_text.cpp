#include "sim/config/number_text.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace tessera {
namespace {

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::size_t count_digits(std::string_view text, std::size_t from) {
  std::size_t end = from;
  while (end < text.size() && is_digit(text[end])) {
    ++end;
  }
  return end - from;
}

constexpr Int128 exact_limit = static_cast<Int128>(1) << 126;

// value · factor, or nothing above the limit.
std::optional<Int128> product(Int128 value, Int128 factor) {
  if (value != 0 && factor > exact_limit / value) {
    return std::nullopt;
  }
  return value * factor;
}

// Takes `prime` out of `value` while there are some left to cancel.
void cancel(Int128& value, int& left, Int128 prime) {
  while (left > 0 && value % prime == 0) {
    value /= prime;
    --left;
  }
}

std::optional<Int128> digits_value(const std::string& digits) {
  Int128 value = 0;
  for (const char c : digits) {
    const auto shifted = product(value, 10);
    if (!shifted) {
      return std::nullopt;
    }
    value = *shifted + (c - '0');
  }
  return value;
}

}  // namespace

std::optional<NumberPrefix> number_prefix(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  const std::size_t whole = count_digits(text, at);
  if (whole == 0) {
    return std::nullopt;
  }
  at += whole;
  if (at < text.size() && text[at] == '.' && count_digits(text, at + 1) > 0) {
    at += 1 + count_digits(text, at + 1);
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    const bool sign = at + 1 < text.size() && (text[at + 1] == '-' || text[at + 1] == '+');
    const std::size_t start = at + (sign ? 2 : 1);
    if (count_digits(text, start) > 0) {
      at = start + count_digits(text, start);
    }
  }
  return NumberPrefix{text.substr(0, at), text.substr(at)};
}

bool has_leading_zero(std::string_view number) {
  const std::string_view unsigned_part = number.substr(number.starts_with('-') ? 1 : 0);
  return unsigned_part.size() > 1 && unsigned_part[0] == '0' && is_digit(unsigned_part[1]);
}

std::optional<Decimal> decimal_of(std::string_view number) {
  Decimal decimal;
  decimal.negative = number.starts_with('-');
  std::size_t at = decimal.negative ? 1 : 0;
  bool fraction = false;
  for (; at < number.size() && (is_digit(number[at]) || number[at] == '.'); ++at) {
    if (number[at] == '.') {
      fraction = true;
      continue;
    }
    if (!decimal.digits.empty() || number[at] != '0') {
      decimal.digits += number[at];
    }
    decimal.exponent -= fraction ? 1 : 0;
  }
  if (at < number.size()) {
    std::string_view text = number.substr(at + 1);
    text.remove_prefix(text.starts_with('+') ? 1 : 0);
    int exponent = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), exponent);
    if (result.ec != std::errc{} || exponent > 100'000 || exponent < -100'000) {
      return std::nullopt;
    }
    decimal.exponent += exponent;
  }
  while (!decimal.digits.empty() && decimal.digits.back() == '0') {
    decimal.digits.pop_back();
    ++decimal.exponent;
  }
  return decimal;
}

double to_double(const Decimal& decimal) {
  if (decimal.digits.empty()) {
    return 0.0;
  }
  const std::string text =
      (decimal.negative ? "-" : "") + decimal.digits + "e" + std::to_string(decimal.exponent);
  double value = 0.0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec == std::errc::result_out_of_range) {
    const bool tiny = decimal.exponent + static_cast<std::int64_t>(decimal.digits.size()) < 0;
    return tiny ? 0.0 : std::numeric_limits<double>::infinity();
  }
  return value;
}

ExactResult exact_product(const Decimal& decimal, Int128 unit) {
  if (decimal.digits.empty()) {
    return {};
  }
  // More digits than this are no whole number of anything that fits.
  if (decimal.digits.size() > 60) {
    return {0, decimal.exponent < 0 ? ExactFault::fraction : ExactFault::overflow};
  }
  const auto digits = digits_value(decimal.digits);
  if (!digits) {
    return {0, decimal.exponent < 0 ? ExactFault::fraction : ExactFault::overflow};
  }
  Int128 value = *digits;
  int twos = std::max(0, -decimal.exponent);
  int fives = twos;
  cancel(unit, twos, 2);
  cancel(unit, fives, 5);
  cancel(value, twos, 2);
  cancel(value, fives, 5);
  if (twos > 0 || fives > 0) {
    return {0, ExactFault::fraction};
  }
  auto exact = product(value, unit);
  for (int i = 0; exact && i < decimal.exponent; ++i) {
    exact = product(*exact, 10);
  }
  if (!exact) {
    return {0, ExactFault::overflow};
  }
  return {decimal.negative ? -*exact : *exact, std::nullopt};
}

}  // namespace tessera
