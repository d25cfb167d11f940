// Random numbers that are the same on every machine and with every standard library.
//
// A stream is named: RandomStream{seed, "arrivals"} yields the same values whatever other streams
// draw, so that changing the lengths of a workload leaves its arrivals as they were.
// Generator: xoshiro256++ 1.0 (Blackman and Vigna, 2019), seeded by SplitMix64 from the seed and
// the name's FNV-1a hash. Satisfies UniformRandomBitGenerator, for Boost.Random's distributions
// (never std::'s, which differ between standard libraries).
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <string_view>

namespace tessera {

class RandomStream {
 public:
  using result_type = std::uint64_t;

  RandomStream(std::uint64_t seed, std::string_view name);

  [[nodiscard]] static constexpr result_type min() { return 0; }
  [[nodiscard]] static constexpr result_type max() {
    return std::numeric_limits<result_type>::max();
  }
  result_type operator()();

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace tessera
