#include "sim/config/scalar.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

#include "sim/config/number_text.hpp"
#include "sim/config/problems.hpp"
#include "sim/config/units.hpp"
#include "sim/config/utf8.hpp"

namespace tessera {
namespace {

using namespace std::string_literals;

Complaint expected(std::string_view what, ScalarText scalar) {
  return {"expected "s + std::string(what) + ", got " + in_quotes(scalar.text)};
}

// Why `scalar`, which should be a plain number, is none; `what` is "a whole number" or the like.
Complaint not_a_number(std::string_view what, ScalarText scalar) {
  Complaint complaint = expected(what, scalar);
  const auto prefix = number_prefix(scalar.text);
  if (scalar.quoted && prefix && prefix->rest.empty()) {
    complaint.message += " in quotes; remove the quotes";
  } else if (prefix && !prefix->rest.empty() && prefix->rest[0] == ' ') {
    complaint.message += "; it takes no unit";
  } else if (scalar.text.find('_') != std::string_view::npos && prefix) {
    complaint.message += "; write it without '_'";
  } else if (scalar.text.starts_with('+') || scalar.text.starts_with('.')) {
    complaint.message += "; write it as -1.5, 0.5 or 3";
  }
  return complaint;
}

// YAML's names for what is not a number.
bool is_not_finite(std::string_view text) {
  std::string lower;
  for (const char c : text) {
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  const std::array<std::string_view, 8> names{".nan", ".inf", "-.inf", "+.inf",
                                              "nan",  "inf",  "-inf",  "infinity"};
  return std::find(names.begin(), names.end(), lower) != names.end();
}

Complaint leading_zero(ScalarText scalar) {
  return {in_quotes(scalar.text) +
          " starts with a zero, which some readers take for octal; write it without"};
}

// The whole text as one plain number, or why not.
std::variant<std::string_view, Complaint> plain_number(std::string_view what, ScalarText scalar) {
  if (is_not_finite(scalar.text)) {
    return Complaint{expected(what, scalar).message + "; only finite numbers are allowed"};
  }
  const auto prefix = number_prefix(scalar.text);
  if (!prefix || !prefix->rest.empty() || scalar.quoted) {
    return not_a_number(what, scalar);
  }
  if (has_leading_zero(prefix->number)) {
    return leading_zero(scalar);
  }
  return prefix->number;
}

template <class Integer>
Parsed<Integer> parse_whole(ScalarText scalar) {
  const auto number = plain_number("a whole number", scalar);
  if (const auto* complaint = std::get_if<Complaint>(&number)) {
    return *complaint;
  }
  const std::string_view text = std::get<std::string_view>(number);
  Integer value{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec == std::errc::result_out_of_range) {
    const bool negative = text.starts_with('-');
    return Complaint{in_quotes(text) +
                     (negative ? " is too small for a whole number; the least is "
                               : " is too large for a whole number; the greatest is ") +
                     text_of(negative ? std::numeric_limits<Integer>::min()
                                      : std::numeric_limits<Integer>::max())};
  }
  if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) {
    const bool negative = text.starts_with('-') && std::is_unsigned_v<Integer>;
    return expected(negative ? "a whole number that is not negative" : "a whole number", scalar);
  }
  return value;
}

std::string_view noun_of(ScalarForm form) {
  switch (form) {
    case ScalarForm::size:
      return "a size";
    case ScalarForm::duration:
      return "a duration";
    case ScalarForm::rate:
      return "a rate";
    case ScalarForm::bandwidth:
      return "a bandwidth";
    case ScalarForm::flops:
      return "a compute rate";
    case ScalarForm::power:
      return "a power";
    default:
      return "a value";
  }
}

std::string with_unit(ScalarForm form) {
  return std::string(noun_of(form)) + " with a unit such as '" + std::string(example_of(form)) +
         "'";
}

// Bits where bytes are meant: Gbps, Gb/s, Mbit.
bool counts_bits(std::string_view unit) {
  return unit.ends_with("bps") || unit.ends_with("b/s") || unit.ends_with("bit/s") ||
         unit.ends_with("bit") || unit.ends_with("bits");
}

std::string lower_case(std::string_view text) {
  std::string lower;
  for (const char c : text) {
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return lower;
}

Complaint unknown_unit(ScalarForm form, std::string_view unit, ScalarText scalar) {
  const std::vector<std::string> names = unit_names(form);
  std::string message = "unknown unit " + in_quotes(unit) + " in " + in_quotes(scalar.text);
  const auto same = std::find_if(names.begin(), names.end(), [&](const std::string& name) {
    return lower_case(name) == lower_case(unit);
  });
  if ((form == ScalarForm::bandwidth || form == ScalarForm::size) && counts_bits(unit)) {
    message += "; bits are not understood, write bytes (8 Gb/s are 1 GB/s)";
  } else if (same != names.end()) {
    message += "; did you mean '" + *same + "'?";
  } else {
    message += did_you_mean(unit, names);
  }
  return {message + " (" + std::string(noun_of(form)) + " is in " + listed(names) + ")"};
}

struct Dimensioned {
  Decimal number;
  std::string_view unit;
};

// "1.5 GB" as number and unit; the unit is not checked yet.
std::variant<Dimensioned, Complaint> split_unit(ScalarForm form, ScalarText scalar) {
  const auto prefix = number_prefix(scalar.text);
  if (!prefix) {
    return expected(with_unit(form), scalar);
  }
  std::string_view unit = prefix->rest;
  unit.remove_prefix(std::min(unit.find_first_not_of(' '), unit.size()));
  if (unit.empty()) {
    Complaint complaint = expected(with_unit(form), scalar);
    if (form == ScalarForm::rate) {
      complaint.message += "; write '" + std::string(prefix->number) + " /s'";
    }
    return complaint;
  }
  if (has_leading_zero(prefix->number)) {
    return leading_zero(scalar);
  }
  const auto number = decimal_of(prefix->number);
  if (!number) {
    return Complaint{in_quotes(scalar.text) + " is beyond any " +
                     std::string(noun_of(form)).substr(2)};
  }
  return Dimensioned{*number, unit};
}

// A whole number of `smallest` (bytes, picoseconds).
template <std::size_t N>
std::variant<Int128, Complaint> parse_exact(ScalarForm form, ScalarText scalar,
                                            const std::array<ExactUnit, N>& units) {
  const auto split = split_unit(form, scalar);
  if (const auto* complaint = std::get_if<Complaint>(&split)) {
    return *complaint;
  }
  const Decimal& number = std::get<Dimensioned>(split).number;
  const std::string_view name = std::get<Dimensioned>(split).unit;
  const auto unit =
      std::find_if(units.begin(), units.end(), [&](const ExactUnit& u) { return u.name == name; });
  if (unit == units.end()) {
    return unknown_unit(form, name, scalar);
  }
  const ExactResult exact = exact_product(number, unit->size);
  if (exact.fault == ExactFault::fraction) {
    return Complaint{in_quotes(scalar.text) + " is not a whole number of " +
                     (form == ScalarForm::size ? "bytes" : "picoseconds")};
  }
  if (exact.fault == ExactFault::overflow) {
    return Complaint{in_quotes(scalar.text) + " is too large"};
  }
  return exact.value;
}

// A real number of base units. Values other than 0 outside smallest..largest are nothing that
// exists, and would carry times beyond what can be counted.
template <std::size_t N>
std::variant<double, Complaint> parse_measure(ScalarForm form, ScalarText scalar,
                                              const std::array<RealUnit, N>& units,
                                              RealBounds bounds) {
  const auto split = split_unit(form, scalar);
  if (const auto* complaint = std::get_if<Complaint>(&split)) {
    return *complaint;
  }
  Decimal number = std::get<Dimensioned>(split).number;
  const std::string_view name = std::get<Dimensioned>(split).unit;
  const auto unit =
      std::find_if(units.begin(), units.end(), [&](const RealUnit& u) { return u.name == name; });
  if (unit == units.end()) {
    return unknown_unit(form, name, scalar);
  }
  const bool zero = number.digits.empty();
  number.exponent += unit->decimal_exponent;
  const double value = std::ldexp(to_double(number), unit->binary_exponent) / unit->divisor;
  if (!zero && (std::abs(value) > bounds.largest || std::abs(value) < bounds.smallest)) {
    return Complaint{in_quotes(scalar.text) + " is too " +
                     (std::abs(value) > bounds.largest ? "large" : "small")};
  }
  return value;
}

template <class T>
Parsed<T> measure_from(const std::variant<double, Complaint>& result) {
  if (const auto* complaint = std::get_if<Complaint>(&result)) {
    return *complaint;
  }
  return T{std::get<double>(result)};
}

constexpr Int128 picoseconds_a_second = 1'000'000'000'000;
// A thousand years: long enough for anything, and short enough that no sum can overflow.
constexpr Int128 longest_duration = picoseconds_a_second * 86'400 * 365'250;

}  // namespace

Parsed<bool> parse_scalar(ScalarText scalar, As<bool> /*type*/) {
  if (scalar.text == "true" || scalar.text == "false") {
    if (scalar.quoted) {
      return Complaint{expected("true or false", scalar).message + " in quotes; remove the quotes"};
    }
    return scalar.text == "true";
  }
  Complaint complaint = expected("true or false", scalar);
  const std::string lower = lower_case(scalar.text);
  if (lower == "yes" || lower == "on" || lower == "y" || lower == "true") {
    complaint.message += "; write true";
  } else if (lower == "no" || lower == "off" || lower == "n" || lower == "false") {
    complaint.message += "; write false";
  }
  return complaint;
}

Parsed<std::int64_t> parse_scalar(ScalarText scalar, As<std::int64_t> /*type*/) {
  return parse_whole<std::int64_t>(scalar);
}

Parsed<std::uint64_t> parse_scalar(ScalarText scalar, As<std::uint64_t> /*type*/) {
  return parse_whole<std::uint64_t>(scalar);
}

Parsed<double> parse_scalar(ScalarText scalar, As<double> /*type*/) {
  const auto number = plain_number("a number", scalar);
  if (const auto* complaint = std::get_if<Complaint>(&number)) {
    return *complaint;
  }
  const auto decimal = decimal_of(std::get<std::string_view>(number));
  const double value = decimal ? to_double(*decimal) : 0.0;
  if (!decimal || !std::isfinite(value) || (value == 0.0 && !decimal->digits.empty())) {
    return Complaint{in_quotes(scalar.text) + " is beyond what a number can hold"};
  }
  return value;
}

Parsed<Bytes> parse_scalar(ScalarText scalar, As<Bytes> /*type*/) {
  const auto result = parse_exact(ScalarForm::size, scalar, size_units);
  if (const auto* complaint = std::get_if<Complaint>(&result)) {
    return *complaint;
  }
  const Int128 value = std::get<Int128>(result);
  if (value > Bytes::max().count() || value < -Bytes::max().count()) {
    return Complaint{in_quotes(scalar.text) + " is too large"};
  }
  return Bytes{static_cast<std::int64_t>(value)};
}

Parsed<Duration> parse_scalar(ScalarText scalar, As<Duration> /*type*/) {
  const auto result = parse_exact(ScalarForm::duration, scalar, duration_units);
  if (const auto* complaint = std::get_if<Complaint>(&result)) {
    return *complaint;
  }
  const Int128 value = std::get<Int128>(result);
  if (value > longest_duration || value < -longest_duration) {
    return Complaint{in_quotes(scalar.text) + " is too long; a thousand years are the most"};
  }
  return Duration::picoseconds(value);
}

Parsed<Rate> parse_scalar(ScalarText scalar, As<Rate> /*type*/) {
  return measure_from<Rate>(parse_measure(ScalarForm::rate, scalar, rate_units, rate_bounds));
}

Parsed<Bandwidth> parse_scalar(ScalarText scalar, As<Bandwidth> /*type*/) {
  return measure_from<Bandwidth>(
      parse_measure(ScalarForm::bandwidth, scalar, bandwidth_units, bandwidth_bounds));
}

Parsed<Flops> parse_scalar(ScalarText scalar, As<Flops> /*type*/) {
  return measure_from<Flops>(parse_measure(ScalarForm::flops, scalar, flops_units, flops_bounds));
}

Parsed<Power> parse_scalar(ScalarText scalar, As<Power> /*type*/) {
  return measure_from<Power>(parse_measure(ScalarForm::power, scalar, power_units, power_bounds));
}

Parsed<std::string> parse_scalar(ScalarText scalar, As<std::string> /*type*/) {
  if (scalar.text.find_first_of("\n\r\t") != std::string_view::npos) {
    return Complaint{"expected text on one line, got " + in_quotes(scalar.text)};
  }
  return std::string(scalar.text);
}

Parsed<FilePath> parse_scalar(ScalarText scalar, As<FilePath> /*type*/) {
  const auto text = parse_scalar(scalar, As<std::string>{});
  if (const auto* complaint = std::get_if<Complaint>(&text)) {
    return *complaint;
  }
  if (std::get<std::string>(text).empty()) {
    return Complaint{"expected a file's name, got ''"};
  }
  return FilePath{std::get<std::string>(text)};
}

}  // namespace tessera
