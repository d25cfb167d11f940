// A step's time as plain numbers of picoseconds.
//
// Nearly all steps are so short that 64 bits hold them, and nearly all of a step's price are sums
// of products: these are written once, for either width.
#pragma once

#include <cstdint>
#include <optional>

#include "tessera/cost/cost_model.hpp"

namespace tessera {

template <class Integer>
struct StepParts {
  Integer compute = 0;
  Integer memory = 0;
  Integer overhead = 0;
  Integer link = 0;

  StepParts& operator+=(const StepParts& other) {
    compute += other.compute;
    memory += other.memory;
    overhead += other.overhead;
    link += other.link;
    return *this;
  }
  [[nodiscard]] StepTime time() const {
    return {Duration::picoseconds(compute), Duration::picoseconds(memory),
            Duration::picoseconds(overhead), Duration::picoseconds(link)};
  }
};

// Parts, and products that they are sums of, are short below that: a few of them are sure to sum up
// in 64 bits. It is 80 hours.
inline constexpr std::int64_t short_time = std::int64_t{1} << 58;

using ShortParts = StepParts<std::int64_t>;

// Nothing where a part is too long.
[[nodiscard]] inline std::optional<ShortParts> short_parts(const StepTime& time) {
  const auto is_short = [](Duration part) {
    return part >= Duration{} && part < Duration::picoseconds(short_time);
  };
  const auto narrow = [](Duration part) { return static_cast<std::int64_t>(part.picoseconds()); };
  if (!is_short(time.compute) || !is_short(time.memory) || !is_short(time.overhead) ||
      !is_short(time.link)) {
    return std::nullopt;
  }
  return ShortParts{narrow(time.compute), narrow(time.memory), narrow(time.overhead),
                    narrow(time.link)};
}

}  // namespace tessera
