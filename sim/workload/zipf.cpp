#include "sim/workload/zipf.hpp"

#include <algorithm>
#include <cmath>

#include "sim/workload/uniform.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

// (e^x - 1) / x and log(1 + x) / x, with their limits at 0: exponents near 1 need them.
double expm1_over(double x) {
  return std::fabs(x) > 1e-8 ? std::expm1(x) / x : 1.0 + 0.5 * x;
}
double log1p_over(double x) {
  return std::fabs(x) > 1e-8 ? std::log1p(x) / x : 1.0 - 0.5 * x;
}

}  // namespace

Zipf::Zipf(double exponent, std::int64_t min, std::int64_t max)
    : exponent_(exponent),
      min_(static_cast<double>(min)),
      range_(static_cast<double>(max - min)),
      first_(min),
      area_first_(integral(0.5) - 1.0),
      area_last_(integral(range_ + 0.5)),
      squeeze_(1.0 - inverse_integral(integral(1.5) - density(1.0))) {
  TESSERA_INVARIANT(exponent >= 0.0 && min >= 1 && max >= min, "Zipf's range is not empty");
}

double Zipf::density(double offset) const {
  return std::exp(-exponent_ * std::log1p(offset / min_));
}

double Zipf::integral(double offset) const {
  const double logarithm = std::log1p(offset / min_);
  return min_ * logarithm * expm1_over((1.0 - exponent_) * logarithm);
}

double Zipf::inverse_integral(double area) const {
  const double scaled = area / min_;
  // Rounding may carry the product past -1, where the offset is infinite.
  const double product = std::max(scaled * (1.0 - exponent_), -1.0);
  return min_ * std::expm1(scaled * log1p_over(product));
}

std::int64_t Zipf::operator()(RandomStream& stream) const {
  while (true) {
    const double area = area_last_ + draw_unit(stream) * (area_first_ - area_last_);
    const double offset = inverse_integral(area);
    const double nearest = std::clamp(std::nearbyint(offset), 0.0, range_);
    if (nearest - offset <= squeeze_ || area >= integral(nearest + 0.5) - density(nearest)) {
      return first_ + static_cast<std::int64_t>(nearest);
    }
  }
}

}  // namespace tessera
