// Normal and exponential draws, bit for bit those of Boost.Random (but for the sign of a zero).
//
// Boost's ziggurat (boost/random/normal_distribution.hpp and exponential_distribution.hpp) accepts
// nearly every draw at its first try. That try is made here, in few instructions; where it fails,
// Boost begins again with the same random bits.
#pragma once

#include <boost/random/exponential_distribution.hpp>
#include <boost/random/normal_distribution.hpp>
#include <cstdint>

#include "tessera/core/random.hpp"

namespace tessera {

// What Boost makes of 64 random bits: a layer of the ziggurat, and where in it.
struct ZigguratTry {
  explicit ZigguratTry(std::uint64_t bits)
      : layer(bits & 0xff),
        share(static_cast<double>(static_cast<std::int64_t>((bits & unused) >> 8U)) * 0x1p-56) {}

  static constexpr std::uint64_t unused = ~(std::uint64_t{1} << 11U);
  std::uint64_t layer;
  double share;  // in [0, 1)
};

// Mean 0, standard deviation 1.
[[nodiscard]] inline double draw_normal(RandomStream& stream) {
  const auto* const edges = boost::random::detail::normal_table<double>::table_x;
  RandomStream next = stream;
  const ZigguratTry first(next());
  const std::uint64_t layer = first.layer >> 1U;  // the lowest bit is the sign
  const double distance = first.share * edges[layer];
  if (!(distance < edges[layer + 1])) [[unlikely]] {
    return boost::random::normal_distribution<double>()(stream);
  }
  stream = next;
  return (first.layer & 1U) != 0 ? distance : -distance;
}

// Mean 1.
[[nodiscard]] inline double draw_exponential(RandomStream& stream) {
  const auto* const edges = boost::random::detail::exponential_table<double>::table_x;
  RandomStream next = stream;
  const ZigguratTry first(next());
  const double distance = first.share * edges[first.layer];
  if (!(distance < edges[first.layer + 1])) [[unlikely]] {
    return boost::random::exponential_distribution<double>()(stream);
  }
  stream = next;
  return distance;
}

}  // namespace tessera
