#include "sim/config/axes.hpp"

#include <algorithm>

#include "sim/config/number_text.hpp"
#include "sim/config/overrides.hpp"
#include "sim/config/problems.hpp"
#include "sim/config/sweep_mapping.hpp"
#include "tessera/config/load.hpp"
#include "tessera/core/decimal.hpp"

namespace tessera {
namespace {

constexpr std::size_t max_values = 10'000;

// value / 10^places: the numbers of a range, exactly.
struct Fixed {
  Int128 value = 0;
  int places = 0;
};

// Numbers have at most 18 digits and 15 of them after the point, so that no product overflows.
constexpr int max_places = 15;
constexpr Int128 fixed_limit = static_cast<Int128>(1) << 120;

std::optional<Fixed> fixed_of(std::string_view number) {
  const auto decimal = decimal_of(number);
  if (!decimal || decimal->exponent > 17 || decimal->exponent < -max_places ||
      static_cast<int>(decimal->digits.size()) + std::max(0, decimal->exponent) > 18) {
    return std::nullopt;
  }
  Fixed fixed{0, std::max(0, -decimal->exponent)};
  for (const char c : decimal->digits) {
    fixed.value = fixed.value * 10 + (c - '0');
  }
  for (int i = 0; i < decimal->exponent; ++i) {
    fixed.value *= 10;
  }
  fixed.value = decimal->negative ? -fixed.value : fixed.value;
  return fixed;
}

Fixed with_places(Fixed fixed, int places) {
  for (; fixed.places < places; ++fixed.places) {
    fixed.value *= 10;
  }
  return fixed;
}

std::string fixed_text(Fixed fixed) {
  while (fixed.places > 0 && fixed.value % 10 == 0) {
    fixed.value /= 10;
    --fixed.places;
  }
  std::string digits;
  append_integer(digits, fixed.value < 0 ? -fixed.value : fixed.value);
  const auto places = static_cast<std::size_t>(fixed.places);
  if (places > 0) {
    digits.insert(0, digits.size() <= places ? places + 1 - digits.size() : 0, '0');
    digits.insert(digits.size() - places, 1, '.');
  }
  return (fixed.value < 0 ? "-" : "") + digits;
}

// "first..last", what steps between them, and the unit.
struct RangeText {
  Fixed first;
  Fixed last;
  char operation = '+';
  Fixed step{1, 0};
  std::string unit;  // with the space before it
};

// Takes a number from the front of `text`. The dots of ".." belong to no number.
std::optional<Fixed> take_number(std::string_view& text) {
  const auto prefix = number_prefix(text);
  if (!prefix) {
    return std::nullopt;
  }
  text = prefix->rest;
  return fixed_of(prefix->number);
}

std::optional<RangeText> split_range(std::string_view text) {
  RangeText range;
  const auto first = take_number(text);
  if (!first || !text.starts_with("..")) {
    return std::nullopt;
  }
  text.remove_prefix(2);
  const auto last = take_number(text);
  if (!last) {
    return std::nullopt;
  }
  range.first = *first;
  range.last = *last;
  if (text.starts_with('*') || text.starts_with('+')) {
    range.operation = text.front();
    text.remove_prefix(1);
    const auto step = take_number(text);
    if (!step) {
      return std::nullopt;
    }
    range.step = *step;
  }
  range.unit = text;
  return range;
}

std::string why_endless(const RangeText& range, Fixed first, Fixed last) {
  if (first.value > last.value) {
    return "ends before it starts";
  }
  const bool grows = range.operation == '*'
                         ? range.step.value > with_places({1, 0}, range.step.places).value
                         : range.step.value > 0;
  if (!grows || (range.operation == '*' && first.value <= 0)) {
    return "never reaches its end";
  }
  return "";
}

std::variant<std::vector<std::string>, std::string> values_of(const RangeText& range) {
  const int places = std::max(
      {range.first.places, range.last.places, range.operation == '+' ? range.step.places : 0});
  Fixed value = with_places(range.first, places);
  Fixed last = with_places(range.last, places);
  if (std::string why = why_endless(range, value, last); !why.empty()) {
    return why;
  }
  const Int128 step =
      range.operation == '+' ? with_places(range.step, places).value : range.step.value;
  std::vector<std::string> values;
  while (value.value <= last.value) {
    if (values.size() == max_values) {
      return "has more than " + std::to_string(max_values) + " values";
    }
    values.push_back(fixed_text(value) + range.unit);
    if (range.operation == '+') {
      value.value += step;
      continue;
    }
    if (step > fixed_limit / value.value) {
      return "has numbers with too many digits";
    }
    value = {value.value * step, value.places + range.step.places};
    while (value.places > places && value.value % 10 == 0) {
      value = {value.value / 10, value.places - 1};
    }
    if (value.places > max_places) {
      return "has numbers with too many digits";
    }
    last = with_places(last, value.places);
  }
  return values;
}

// The parts of `text` between separators that stand outside brackets, braces and quotes.
std::vector<std::string> split_at(char separator, std::string_view text) {
  std::vector<std::string> parts(1);
  int depth = 0;
  char quote = 0;
  for (const char c : text) {
    if (quote != 0) {
      quote = c == quote ? char{0} : quote;
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '[' || c == '{') {
      ++depth;
    } else if (c == ']' || c == '}') {
      --depth;
    }
    if (c == separator && depth == 0 && quote == 0) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) {
    return "";
  }
  return std::string(text.substr(first, text.find_last_not_of(" \t") - first + 1));
}

Override split_at_equals(std::string_view text, const char* option) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos) {
    throw WrongUsage(std::string(option) + " takes path=value, got " + in_quotes(text));
  }
  Override parts{trimmed(text.substr(0, equals)), trimmed(text.substr(equals + 1))};
  if (const std::string why = why_no_such_path(parts.path); !why.empty()) {
    throw WrongUsage(std::string(option) + ": " + why);
  }
  if (parts.value.empty()) {
    throw WrongUsage(std::string(option) + " " + parts.path + ": no value after '='");
  }
  return parts;
}

Axis axis_of(std::string_view text, const char* option) {
  const Override whole = split_at_equals(text, option);
  const std::string given = std::string(option) + " " + whole.path;
  Axis axis{whole.path, {}};
  for (const std::string& part : split_at(',', whole.value)) {
    const std::string value = trimmed(part);
    if (value.empty()) {
      throw WrongUsage(given + ": an empty value between commas");
    }
    const auto range = expand_range(value);
    if (!range) {
      axis.values.push_back(value);
    } else if (const auto* why = std::get_if<std::string>(&*range)) {
      throw WrongUsage(given + ": the range " + in_quotes(value) + " " + *why);
    } else {
      const auto& values = std::get<std::vector<std::string>>(*range);
      axis.values.insert(axis.values.end(), values.begin(), values.end());
    }
    if (axis.values.size() > max_values) {
      throw WrongUsage(given + ": more than " + std::to_string(max_values) + " values");
    }
  }
  return axis;
}

}  // namespace

std::optional<std::variant<std::vector<std::string>, std::string>> expand_range(
    std::string_view text) {
  const auto range = split_range(text);
  if (!range) {
    return std::nullopt;
  }
  return values_of(*range);
}

Override parse_override(std::string_view text) {
  return split_at_equals(text, "--set");
}

Axis parse_axis(std::string_view text) {
  return axis_of(text, "--vary");
}

AxisGroup parse_zip(std::string_view text) {
  AxisGroup group;
  for (const std::string& part : split_at(';', text)) {
    const Axis axis = axis_of(trimmed(part), "--zip");
    for (const Axis& other : group.axes) {
      if (other.path == axis.path) {
        throw WrongUsage("--zip gives '" + axis.path + "' twice; name its values in one list");
      }
      if (other.values.size() != axis.values.size()) {
        throw WrongUsage("--zip: " + unequal_zip({other.path, other.values.size()},
                                                 {axis.path, axis.values.size()}));
      }
    }
    group.axes.push_back(axis);
  }
  if (group.axes.size() < 2) {
    throw WrongUsage("--zip takes several paths, as in 'PATH=V1,V2;PATH=W1,W2', got " +
                     in_quotes(text) + "; --vary takes one");
  }
  return group;
}

}  // namespace tessera
