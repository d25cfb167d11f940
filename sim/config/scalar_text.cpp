// Values to text: the shortest that reads back as the same value.
#include <array>
#include <charconv>

#include "sim/config/number_text.hpp"
#include "sim/config/scalar.hpp"
#include "sim/config/units.hpp"

namespace tessera {
namespace {

template <class Units>
std::vector<std::string> names_in(const Units& units) {
  std::vector<std::string> names;
  names.reserve(units.size());
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

}  // namespace

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
