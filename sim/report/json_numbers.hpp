// Numbers as the page's data holds them.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <span>
#include <vector>

namespace tessera {

// Whole numbers stay exact; others keep seven digits, more than a screen shows; NaN is null.
[[nodiscard]] boost::json::value json_number(double value);
[[nodiscard]] boost::json::array json_numbers(std::span<const double> values);
// Those of the given rows.
[[nodiscard]] boost::json::array json_numbers(const std::vector<double>& values,
                                              std::span<const std::size_t> rows);

}  // namespace tessera
