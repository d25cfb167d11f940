#include "tessera/core/time.hpp"

#include <cmath>

#include "tessera/core/contract.hpp"

namespace tessera {

Duration Duration::from_seconds(double seconds) {
  TESSERA_INVARIANT(std::isfinite(seconds) && std::fabs(seconds) < 5e18, "a duration is finite");
  // Split so that 53 bits of mantissa go to the fraction: whole seconds are exact by themselves.
  const auto whole = static_cast<std::int64_t>(seconds);
  const double fraction = (seconds - static_cast<double>(whole)) * 1e12;
  return Duration{Int128{whole} * 1'000'000'000'000 + std::llrint(fraction)};
}

double Duration::to_seconds() const {
  constexpr Int128 second = 1'000'000'000'000;
  return static_cast<double>(picoseconds_ / second) +
         static_cast<double>(picoseconds_ % second) * 1e-12;
}

}  // namespace tessera
