#include "tessera/core/duration_series.hpp"

#include <algorithm>
#include <cmath>

namespace tessera {

Int128 DurationSeries::sum_of_sums(std::int64_t from, std::int64_t stride, std::int64_t n) const {
  if (from + stride * n <= few) {
    const std::int64_t pairs = n * (n - 1) / 2;
    const std::int64_t indices = n * from + stride * pairs;
    const std::int64_t squares =
        n * from * from + 2 * from * stride * pairs + stride * stride * (pairs * (2 * n - 1) / 3);
    return Int128{first_} * indices + Int128{growth_} * ((squares - indices) / 2);
  }
  const Int128 pairs = Int128{n} * (n - 1) / 2;
  const Int128 indices = Int128{n} * from + stride * pairs;
  const Int128 squares = Int128{n} * from * from + 2 * Int128{from} * stride * pairs +
                         Int128{stride} * stride * (pairs * (2 * n - 1) / 3);
  return first_ * indices + growth_ * ((squares - indices) / 2);
}

std::int64_t DurationSeries::terms_to_last(Duration length, std::int64_t limit) const {
  return limit <= few ? few_to_last(length, limit) : many_to_last(length, limit);
}

// The root of the quadratic is a guess, in whatever way it was rounded; integers decide.
std::int64_t DurationSeries::guess_terms(Int128 length, std::int64_t limit) const {
  const double half_growth = static_cast<double>(growth_) / 2.0;
  const double linear = static_cast<double>(first_) - half_growth;
  const auto goal = static_cast<double>(length);
  const double root = std::sqrt(linear * linear + 4.0 * half_growth * goal);
  const double guess = 2.0 * goal / (linear + root);
  return guess < static_cast<double>(limit) ? static_cast<std::int64_t>(guess) + 1 : limit;
}

std::int64_t DurationSeries::few_to_last(Duration length, std::int64_t limit) const {
  if (sum_of_few(limit) <= length.picoseconds()) {
    return limit;
  }
  const auto target = static_cast<std::int64_t>(length.picoseconds());
  std::int64_t n = guess_terms(target, limit);
  while (n < limit && sum_of_few(n) < target) {
    ++n;
  }
  while (n > 1 && sum_of_few(n - 1) >= target) {
    --n;
  }
  return n;
}

std::int64_t DurationSeries::many_to_last(Duration length, std::int64_t limit) const {
  const Int128 target = length.picoseconds();
  if (sum(limit) <= target) {
    return limit;
  }
  std::int64_t n = guess_terms(target, limit);
  while (n < limit && sum(n) < target) {
    ++n;
  }
  while (n > 1 && sum(n - 1) >= target) {
    --n;
  }
  return n;
}

}  // namespace tessera
