// Random numbers that are the same on every machine and with every standard library.
//
// A stream is named: RandomStream{seed, "arrivals"} yields the same values whatever other streams
// draw, so that changing the lengths of a workload leaves its arrivals as they were.
// Generator: xoshiro256++ 1.0 (Blackman and Vigna, 2019), seeded by SplitMix64 from the seed and
// the name's FNV-1a hash. Satisfies UniformRandomBitGenerator, for Boost.Random's distributions
// (never std::'s, which differ between standard libraries).
#pragma once

#include <array>
#include <bit>
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
  result_type operator()() {
    const std::uint64_t result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    const std::uint64_t shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

 private:
  std::array<std::uint64_t, 4> state_;
};

}  // namespace tessera
