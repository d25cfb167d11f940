#include "tessera/core/duration_series.hpp"

#include <algorithm>
#include <cmath>

namespace tessera {

Int128 DurationSeries::sum_of_sums(std::int64_t from, std::int64_t stride, std::int64_t n) const {
  const Int128 pairs = Int128{n} * (n - 1) / 2;
  const Int128 indices = Int128{n} * from + stride * pairs;
  const Int128 squares = Int128{n} * from * from + 2 * Int128{from} * stride * pairs +
                         Int128{stride} * stride * (pairs * (2 * n - 1) / 3);
  return first_ * indices + growth_ * ((squares - indices) / 2);
}

// The root of the quadratic is a guess, in whatever way it was rounded; integers decide.
std::int64_t DurationSeries::terms_to_last(Duration length, std::int64_t limit) const {
  const Int128 target = length.picoseconds();
  if (sum(limit) <= target) {
    return limit;
  }
  const double half_growth = static_cast<double>(growth_) / 2.0;
  const double linear = static_cast<double>(first_) - half_growth;
  const auto goal = static_cast<double>(target);
  const double root = std::sqrt(linear * linear + 4.0 * half_growth * goal);
  const double guess = std::ceil(2.0 * goal / (linear + root));
  std::int64_t n =
      guess >= 1.0 && guess < static_cast<double>(limit) ? static_cast<std::int64_t>(guess) : limit;
  while (n < limit && sum(n) < target) {
    ++n;
  }
  while (n > 1 && sum(n - 1) >= target) {
    --n;
  }
  return n;
}

}  // namespace tessera
