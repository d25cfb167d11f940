// Quotients of exact integers, as CSV and JSON show them.
#pragma once

#include <string>

#include "tessera/core/decimal.hpp"
#include "tessera/core/time.hpp"

namespace tessera {

// numerator / denominator as text; empty where nothing divides by it. One division of two exact
// numbers: the same everywhere.
[[nodiscard]] inline std::string ratio_text(Int128 numerator, Int128 denominator) {
  std::string text;
  if (denominator != 0) {
    append_real(text, static_cast<double>(numerator) / static_cast<double>(denominator));
  }
  return text;
}

// How many a second: `count` in `picoseconds`.
[[nodiscard]] inline std::string rate_text(std::int64_t count, Int128 picoseconds) {
  return ratio_text(static_cast<Int128>(count) * 1'000'000'000'000, picoseconds);
}

}  // namespace tessera
