// Zipf's law over a range: P(k) proportional to k^-exponent for min <= k <= max.
//
// Rejection inversion (W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates from
// monotone discrete distributions", ACM TOMACS 6(3), 1996): exact, without a table, so that a range
// of a billion costs as little as one of ten. Their hat function is taken relative to `min`, which
// keeps its digits where the range starts far from 1.
#pragma once

#include <cstdint>

#include "tessera/core/random.hpp"

namespace tessera {

class Zipf {
 public:
  // Precondition: exponent >= 0, 1 <= min <= max.
  Zipf(double exponent, std::int64_t min, std::int64_t max);
  [[nodiscard]] std::int64_t operator()(RandomStream& stream) const;

 private:
  // All in offsets from min: the density relative to min's, its integral from 0, and the inverse.
  [[nodiscard]] double density(double offset) const;
  [[nodiscard]] double integral(double offset) const;
  [[nodiscard]] double inverse_integral(double area) const;

  double exponent_;
  double min_;
  double range_;
  std::int64_t first_;
  double area_first_;
  double area_last_;
  double squeeze_;
};

}  // namespace tessera
