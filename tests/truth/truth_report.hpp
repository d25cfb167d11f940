// The table of how wrong the times are: one row a data set, quantity and part.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

namespace tessera::truth {

struct TruthPoint {
  std::string label;
  double measured = 0.0;
  double predicted = 0.0;
  [[nodiscard]] double error() const { return std::fabs(predicted / measured - 1.0); }
};

// Nearest-rank interpolation, as spreadsheets do it.
inline double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double position = q * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (position - static_cast<double>(below)) * (values[above] - values[below]);
}

struct TruthRow {
  std::string data_set;
  std::string quantity;
  std::string part;
  std::vector<TruthPoint> points;

  [[nodiscard]] double error_at(double q) const {
    std::vector<double> errors;
    for (const TruthPoint& point : points) {
      errors.push_back(point.error());
    }
    return quantile(errors, q);
  }
  [[nodiscard]] const TruthPoint& worst() const {
    return *std::max_element(
        points.begin(), points.end(),
        [](const TruthPoint& a, const TruthPoint& b) { return a.error() < b.error(); });
  }
  // With one digit: what the README repeats.
  [[nodiscard]] std::string percent(double q) const {
    char text[32];
    std::snprintf(text, sizeof text, "%.1f %%", 100.0 * error_at(q));
    return text;
  }
  [[nodiscard]] std::string csv() const {
    char numbers[96];
    std::snprintf(numbers, sizeof numbers, "%zu,%.4f,%.4f,%.4f", points.size(), error_at(0.5),
                  error_at(0.95), worst().error());
    return data_set + "," + quantity + "," + part + "," + numbers + ",\"" + worst().label + "\"\n";
  }
};

inline constexpr const char* truth_header =
    "data_set,quantity,part,points,median_error,p95_error,worst_error,worst_point\n";

// One row of the README's table.
inline std::string readme_line(const TruthRow& row) {
  return "| " + row.data_set + " | " + row.quantity + " | " + row.part + " | " +
         std::to_string(row.points.size()) + " | " + row.percent(0.5) + " | " + row.percent(0.95) +
         " |";
}

}  // namespace tessera::truth
