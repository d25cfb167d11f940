#include "sim/study/student_t.hpp"

#include <boost/math/distributions/students_t.hpp>
#include <cmath>

#include "tessera/core/contract.hpp"

namespace tessera {

Estimate estimate(std::span<const double> values, double confidence) {
  TESSERA_INVARIANT(!values.empty(), "a mean is of something");
  const auto count = static_cast<double>(values.size());
  double sum = 0.0;
  for (const double value : values) {
    sum += value;
  }
  Estimate estimated{sum / count, std::nullopt};
  if (values.size() < 2) {
    return estimated;
  }
  double squares = 0.0;
  bool all_equal = true;
  for (const double value : values) {
    squares += (value - estimated.mean) * (value - estimated.mean);
    all_equal = all_equal && value == values.front();
  }
  if (all_equal) {
    return {values.front(), 0.0};
  }
  const boost::math::students_t distribution(count - 1.0);
  const double t = boost::math::quantile(distribution, 0.5 + confidence / 2.0);
  estimated.half_width = t * std::sqrt(squares / (count - 1.0) / count);
  return estimated;
}

}  // namespace tessera
