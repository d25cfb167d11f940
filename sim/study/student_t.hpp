// How far a mean over few independent runs may be from the truth.
#pragma once

#include <optional>
#include <span>

namespace tessera {

struct Estimate {
  double mean = 0.0;
  std::optional<double> half_width;  // of the mean's confidence interval; nothing below two values
};

// Student (1908): with n independent and roughly normal values, mean ± t·s/√n holds the true mean
// with the given confidence, t being the quantile of Student's distribution with n − 1 degrees of
// freedom. Values that are all equal have a half-width of 0. Precondition: at least one value,
// 0 < confidence < 1.
[[nodiscard]] Estimate estimate(std::span<const double> values, double confidence);

}  // namespace tessera
