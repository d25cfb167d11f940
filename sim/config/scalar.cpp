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
    return expected(with_unit(form), scalar);
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

template <class Units>
std::vector<std::string> names_in(const Units& units) {
  std::vector<std::string> names;
  for (const auto& unit : units) {
    names.emplace_back(unit.name);
  }
  return names;
}

template <std::size_t N>
std::string exact_text(Int128 value, const std::array<ExactUnit, N>& units, std::string_view none) {
  if (value == 0) {
    return "0 " + std::string(none);
  }
  std::string best;
  for (const ExactUnit& unit : units) {
    if (!unit.written || value % unit.size != 0) {
      continue;
    }
    std::string text;
    append_integer(text, value / unit.size);
    text += " " + std::string(unit.name);
    if (best.empty() || text.size() < best.size()) {
      best = text;
    }
  }
  return best;
}

// The shortest digits that read back as `value`, as a decimal. Precondition: finite.
Decimal shortest_decimal(double value) {
  std::array<char, 40> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific)
          .ptr;
  return *decimal_of(std::string_view(text.data(), static_cast<std::size_t>(end - text.data())));
}

// Plain notation, without an exponent.
std::string plain_text(const Decimal& decimal) {
  std::string digits = decimal.digits.empty() ? "0" : decimal.digits;
  if (decimal.exponent >= 0) {
    digits.append(decimal.digits.empty() ? 0 : static_cast<std::size_t>(decimal.exponent), '0');
  } else {
    const auto fraction = static_cast<std::size_t>(-decimal.exponent);
    if (digits.size() <= fraction) {
      digits.insert(0, fraction + 1 - digits.size(), '0');
    }
    digits.insert(digits.size() - fraction, 1, '.');
  }
  return (decimal.negative ? "-" : "") + digits;
}

// With the largest decimal unit that leaves at least 1 before the point.
template <std::size_t N>
std::string measure_text(double value, const std::array<RealUnit, N>& units) {
  Decimal decimal = shortest_decimal(value);
  const int magnitude = decimal.exponent + static_cast<int>(decimal.digits.size()) - 1;
  const RealUnit* best = &units[0];
  for (const RealUnit& unit : units) {
    if (unit.written && unit.decimal_exponent <= magnitude &&
        unit.decimal_exponent >= best->decimal_exponent) {
      best = &unit;
    }
  }
  decimal.exponent -= decimal.digits.empty() ? 0 : best->decimal_exponent;
  return plain_text(decimal) + " " + std::string(best->name);
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

std::string text_of(bool value) {
  return value ? "true" : "false";
}
std::string text_of(std::int64_t value) {
  return std::to_string(value);
}
std::string text_of(std::uint64_t value) {
  return std::to_string(value);
}

std::string text_of(double value) {
  const Decimal decimal = shortest_decimal(value);
  const int magnitude = decimal.exponent + static_cast<int>(decimal.digits.size());
  if (magnitude > -6 && magnitude < 18) {
    return plain_text(decimal);
  }
  return (decimal.negative ? "-" : "") + decimal.digits + "e" + std::to_string(decimal.exponent);
}

std::string text_of(Bytes value) {
  return exact_text(value.count(), size_units, "B");
}
std::string text_of(Duration value) {
  return exact_text(value.picoseconds(), duration_units, "s");
}
std::string text_of(Rate value) {
  return measure_text(value.value(), rate_units);
}
std::string text_of(Bandwidth value) {
  return measure_text(value.value(), bandwidth_units);
}
std::string text_of(Flops value) {
  return measure_text(value.value(), flops_units);
}
std::string text_of(Power value) {
  return measure_text(value.value(), power_units);
}
std::string text_of(const std::string& value) {
  return value;
}
std::string text_of(const FilePath& value) {
  return value.path;
}

std::vector<std::string> unit_names(ScalarForm form) {
  switch (form) {
    case ScalarForm::size:
      return names_in(size_units);
    case ScalarForm::duration:
      return names_in(duration_units);
    case ScalarForm::rate:
      return names_in(rate_units);
    case ScalarForm::bandwidth:
      return names_in(bandwidth_units);
    case ScalarForm::flops:
      return names_in(flops_units);
    case ScalarForm::power:
      return names_in(power_units);
    default:
      return {};
  }
}

std::string_view example_of(ScalarForm form) {
  switch (form) {
    case ScalarForm::size:
      return "2 GiB";
    case ScalarForm::duration:
      return "150 ms";
    case ScalarForm::rate:
      return "2.5 /s";
    case ScalarForm::bandwidth:
      return "300 GB/s";
    case ScalarForm::flops:
      return "65 TFLOPS";
    case ScalarForm::power:
      return "70 W";
    default:
      return "";
  }
}

}  // namespace tessera
