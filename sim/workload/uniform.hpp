// The two plainest draws.
#pragma once

#include <boost/random/uniform_int_distribution.hpp>
#include <cstdint>

#include "tessera/core/random.hpp"

namespace tessera {

// A number in [0, 1), with 53 random bits.
[[nodiscard]] inline double draw_unit(RandomStream& stream) {
  return static_cast<double>(stream() >> 11U) * 0x1p-53;
}

// A whole number from min to max, every one alike.
[[nodiscard]] inline std::int64_t draw_between(RandomStream& stream, std::int64_t min,
                                               std::int64_t max) {
  return boost::random::uniform_int_distribution<std::int64_t>(min, max)(stream);
}

}  // namespace tessera
