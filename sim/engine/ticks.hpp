// Instants modulo 2^64 picoseconds, which is 213 days: the difference of two that are nearer to
// each other than that is exact, and so is any sum of such differences that is less, at half the
// instructions that wide ones take.
#pragma once

#include <cstdint>

#include "tessera/core/time.hpp"

namespace tessera {

using Ticks = std::uint64_t;

[[nodiscard]] inline Ticks ticks_of(SimTime time) {
  return static_cast<Ticks>(time.since_start().picoseconds());
}

}  // namespace tessera
