// Gaps between arrivals. Each process draws the time from one arrival to the next; the first is
// that from the start to the first request.
//
// A drawn gap is rounded to the nanosecond (finer where gaps are shorter than a millisecond: to a
// millionth of the mean), so that the last bits of a mathematical library do not reach the results.
#pragma once

#include <boost/random/gamma_distribution.hpp>
#include <boost/random/weibull_distribution.hpp>
#include <cmath>
#include <cstdint>

#include "sim/workload/ziggurat.hpp"
#include "tessera/core/random.hpp"
#include "tessera/core/time.hpp"
#include "tessera/workload/workload_specs.hpp"

namespace tessera {

// Rounds drawn times to a power of ten of picoseconds.
class GapQuantum {
 public:
  explicit GapQuantum(Duration mean);
  // Precondition: seconds >= 0.
  [[nodiscard]] Duration round(double seconds) const {
    if (!(seconds < 9e6)) {
      return round_long(seconds);
    }
    // As in Duration::from_seconds(), in 64 bits.
    const auto whole = static_cast<std::int64_t>(seconds);
    const double fraction = (seconds - static_cast<double>(whole)) * 1e12;
    const auto quantum = static_cast<std::uint64_t>(quantum_);
    const std::uint64_t above =
        static_cast<std::uint64_t>(whole * 1'000'000'000'000 + std::llrint(fraction)) + quantum / 2;
    return Duration::picoseconds(above - above % quantum);
  }

 private:
  [[nodiscard]] Duration round_long(double seconds) const;

  std::int64_t quantum_ = 1'000;  // picoseconds
};

class PoissonGaps {
 public:
  explicit PoissonGaps(const PoissonArrivals& spec);
  Duration operator()(RandomStream& stream) {
    return quantum_.round(draw_exponential(stream) / rate_);
  }

 private:
  double rate_;
  GapQuantum quantum_;
};

class GammaGaps {
 public:
  explicit GammaGaps(const GammaArrivals& spec);
  Duration operator()(RandomStream& stream);

 private:
  boost::random::gamma_distribution<double> law_;
  GapQuantum quantum_;
};

class WeibullGaps {
 public:
  explicit WeibullGaps(const WeibullArrivals& spec);
  Duration operator()(RandomStream& stream);

 private:
  boost::random::weibull_distribution<double> law_;
  GapQuantum quantum_;
};

class ConstantGaps {
 public:
  explicit ConstantGaps(const ConstantArrivals& spec);
  Duration operator()(RandomStream& stream) const;

 private:
  Duration gap_;
};

// All at one instant.
class BurstGaps {
 public:
  explicit BurstGaps(const BurstArrivals& spec) : next_(spec.at) {}
  Duration operator()(RandomStream& stream);

 private:
  Duration next_;
};

}  // namespace tessera
