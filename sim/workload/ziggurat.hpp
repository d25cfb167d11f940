// Normal and exponential draws, bit for bit those of Boost.Random (but for the sign of a zero).
//
// Boost's ziggurat (boost/random/normal_distribution.hpp and exponential_distribution.hpp) accepts
// nearly every draw at its first try. That try is made here, in few instructions; where it fails,
// Boost begins again with the same random bits.
#pragma once

#include <algorithm>
#include <bit>
#include <boost/random/exponential_distribution.hpp>
#include <boost/random/normal_distribution.hpp>
#include <cstdint>
#include <span>

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

// What Boost drew, and the stream that it left. By value, so that a stream whose draws nearly all
// succeed here may stay in registers.
struct RedrawnByBoost {
  double value;
  RandomStream stream;
};
// Boost's draws from `bits`, which are no longer in the stream, and what follows them there.
[[nodiscard]] RedrawnByBoost redraw_normal(std::uint64_t bits, RandomStream stream);
[[nodiscard]] RedrawnByBoost redraw_exponential(std::uint64_t bits, RandomStream stream);

// Mean 0, standard deviation 1.
[[nodiscard]] inline double draw_normal(RandomStream& stream) {
  const auto* const edges = boost::random::detail::normal_table<double>::table_x;
  const std::uint64_t bits = stream();
  const ZigguratTry first(bits);
  const std::uint64_t layer = first.layer >> 1U;  // the lowest bit is the sign
  const double distance = first.share * edges[layer];
  if (!(distance < edges[layer + 1])) [[unlikely]] {
    const RedrawnByBoost redrawn = redraw_normal(bits, stream);
    stream = redrawn.stream;
    return redrawn.value;
  }
  // As bits, because no processor could guess a jump on it.
  return std::bit_cast<double>(std::bit_cast<std::uint64_t>(distance) ^ ~bits << 63U);
}

// Mean 1.
[[nodiscard]] inline double draw_exponential(RandomStream& stream) {
  const auto* const edges = boost::random::detail::exponential_table<double>::table_x;
  const std::uint64_t bits = stream();
  const ZigguratTry first(bits);
  const double distance = first.share * edges[first.layer];
  if (!(distance < edges[first.layer + 1])) [[unlikely]] {
    const RedrawnByBoost redrawn = redraw_exponential(bits, stream);
    stream = redrawn.stream;
    return redrawn.value;
  }
  return distance;
}

// As many as there is room for. The stream's state stays in registers meanwhile.
inline void draw_normals(RandomStream& stream, std::span<double> normals) {
  RandomStream here = stream;
  std::generate(normals.begin(), normals.end(), [&] { return draw_normal(here); });
  stream = here;
}

}  // namespace tessera
