#include "sim/report/json_numbers.hpp"

#include <cmath>
#include <cstdint>

namespace tessera {

boost::json::value json_number(double value) {
  constexpr double exact = 9'007'199'254'740'992.0;  // 2^53
  if (std::isnan(value)) {
    return nullptr;
  }
  if (value == std::floor(value) && std::fabs(value) < exact) {
    return static_cast<std::int64_t>(value);
  }
  const double scale = std::pow(10.0, 6.0 - std::floor(std::log10(std::fabs(value))));
  const double rounded = std::round(value * scale) / scale;
  return std::isfinite(rounded) ? rounded : value;
}

boost::json::array json_numbers(std::span<const double> values) {
  boost::json::array array;
  array.reserve(values.size());
  for (const double value : values) {
    array.push_back(json_number(value));
  }
  return array;
}

boost::json::array json_numbers(const std::vector<double>& values,
                                std::span<const std::size_t> rows) {
  boost::json::array array;
  array.reserve(rows.size());
  for (const std::size_t row : rows) {
    array.push_back(json_number(values[row]));
  }
  return array;
}

}  // namespace tessera
