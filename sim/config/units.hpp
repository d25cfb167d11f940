// The units that a scenario may use.
#pragma once

#include <array>
#include <string_view>

#include "tessera/core/decimal.hpp"
#include "tessera/core/time.hpp"

namespace tessera {

// `size` bytes or picoseconds. Of those with `written`, the one that gives the shortest text is
// used when a value is printed; ties go to the earlier one.
struct ExactUnit {
  std::string_view name;
  Int128 size;
  bool written = true;
};

inline constexpr std::array<ExactUnit, 9> size_units{{
    {"B", 1},
    {"KiB", Int128{1} << 10},
    {"MiB", Int128{1} << 20},
    {"GiB", Int128{1} << 30},
    {"TiB", Int128{1} << 40},
    {"kB", 1'000},
    {"MB", 1'000'000},
    {"GB", 1'000'000'000},
    {"TB", 1'000'000'000'000},
}};

// Micro is written with the micro sign (U+00B5) or the Greek letter (U+03BC), or as 'u'.
inline constexpr std::array<ExactUnit, 10> duration_units{{
    {"ps", 1},
    {"ns", 1'000},
    {"us", 1'000'000},
    {"\u00b5s", 1'000'000, false},
    {"\u03bcs", 1'000'000, false},
    {"ms", 1'000'000'000},
    {"s", 1'000'000'000'000},
    {"min", Int128{60} * 1'000'000'000'000},
    {"h", Int128{3'600} * 1'000'000'000'000},
    {"d", Int128{86'400} * 1'000'000'000'000},
}};

// 10^decimal_exponent · 2^binary_exponent / divisor base units.
struct RealUnit {
  std::string_view name;
  int decimal_exponent = 0;
  int binary_exponent = 0;
  double divisor = 1.0;
  bool written = true;
};

// Where a value that is not 0 must lie.
struct RealBounds {
  double smallest;
  double largest;
};

inline constexpr std::array<RealUnit, 3> rate_units{{
    {"/s"},
    {"/min", 0, 0, 60.0, false},
    {"/h", 0, 0, 3600.0, false},
}};
inline constexpr RealBounds rate_bounds{1e-9, 1e9};

inline constexpr std::array<RealUnit, 9> bandwidth_units{{
    {"B/s"},
    {"kB/s", 3},
    {"MB/s", 6},
    {"GB/s", 9},
    {"TB/s", 12},
    {"KiB/s", 0, 10, 1.0, false},
    {"MiB/s", 0, 20, 1.0, false},
    {"GiB/s", 0, 30, 1.0, false},
    {"TiB/s", 0, 40, 1.0, false},
}};
inline constexpr RealBounds bandwidth_bounds{1e3, 1e18};

inline constexpr std::array<RealUnit, 10> flops_units{{
    {"FLOPS"},
    {"MFLOPS", 6},
    {"GFLOPS", 9},
    {"TFLOPS", 12},
    {"PFLOPS", 15},
    {"OPS", 0, 0, 1.0, false},
    {"MOPS", 6, 0, 1.0, false},
    {"GOPS", 9, 0, 1.0, false},
    {"TOPS", 12, 0, 1.0, false},
    {"POPS", 15, 0, 1.0, false},
}};
inline constexpr RealBounds flops_bounds{1e6, 1e24};

inline constexpr std::array<RealUnit, 3> power_units{{{"W"}, {"kW", 3}, {"mW", -3, 0, 1.0, false}}};
inline constexpr RealBounds power_bounds{1e-3, 1e9};

}  // namespace tessera
