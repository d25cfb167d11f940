#include "sim/workload/gaps.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace tessera {
namespace {

// A drawn time cannot be longer: beyond it, no sum of a run's gaps would be sure to fit. With the
// rates that a scenario may have, nothing drawn comes near.
constexpr double longest_gap = 1e12;  // seconds

Duration mean_gap(Rate rate) {
  return Duration::from_seconds(1.0 / rate.value());
}

// The scale that gives the Weibull distribution the mean 1 / rate.
double weibull_scale(const WeibullArrivals& spec) {
  return 1.0 / (spec.rate.value() * std::tgamma(1.0 + 1.0 / spec.shape));
}

}  // namespace

GapQuantum::GapQuantum(Duration mean) {
  while (quantum_ > 1 && mean.picoseconds() < quantum_ * 1'000'000) {
    quantum_ /= 10;
  }
}

Duration GapQuantum::round_long(double seconds) const {
  const Int128 exact = Duration::from_seconds(std::min(seconds, longest_gap)).picoseconds();
  return Duration::picoseconds((exact + quantum_ / 2) / quantum_ * quantum_);
}

PoissonGaps::PoissonGaps(const PoissonArrivals& spec)
    : rate_(spec.rate.value()), quantum_(mean_gap(spec.rate)) {}

GammaGaps::GammaGaps(const GammaArrivals& spec)
    : law_(1.0 / (spec.cv * spec.cv), spec.cv * spec.cv / spec.rate.value()),
      quantum_(mean_gap(spec.rate)) {}

Duration GammaGaps::operator()(RandomStream& stream) {
  return quantum_.round(law_(stream));
}

WeibullGaps::WeibullGaps(const WeibullArrivals& spec)
    : law_(spec.shape, weibull_scale(spec)), quantum_(mean_gap(spec.rate)) {}

Duration WeibullGaps::operator()(RandomStream& stream) {
  return quantum_.round(law_(stream));
}

ConstantGaps::ConstantGaps(const ConstantArrivals& spec) : gap_(mean_gap(spec.rate)) {}

Duration ConstantGaps::operator()(RandomStream& /*stream*/) const {
  return gap_;
}

Duration BurstGaps::operator()(RandomStream& /*stream*/) {
  return std::exchange(next_, Duration{});
}

}  // namespace tessera
