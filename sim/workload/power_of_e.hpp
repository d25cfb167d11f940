// e to a power, to within a bit or so of the last place, in fewer instructions than the library's,
// which is called and looks for errors.
//
// With k whole and nearest to 128·x / ln 2, and r what is left of x, e^x = 2^(k/128) · e^r. The
// first comes from a table and the exponent's bits, the second from the first terms of its series
// (P. T. P. Tang, Table-driven implementation of the exponential function, ACM TOMS 15, 1989).
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace tessera {

class PowerOfE {
 public:
  PowerOfE() {
    for (std::size_t i = 0; i < roots_.size(); ++i) {
      roots_[i] = std::exp2(static_cast<double>(i) / num_roots);
    }
  }

  // Precondition: |x| < 700.
  [[nodiscard]] double operator()(double x) const {
    // The sum's last bits are k's: its unit is 1.
    constexpr double whole = 0x1.8p52;
    const double sum = x * (num_roots / ln_2) + whole;
    const auto k = std::bit_cast<std::uint64_t>(sum);
    const double r = x - (sum - whole) * ln_2_high - (sum - whole) * ln_2_low;
    const double series =
        r * (1.0 + r * (1.0 / 2 + r * (1.0 / 6 + r * (1.0 / 24 + r * (1.0 / 120)))));
    const double root = roots_[k % num_roots];
    const double power =
        std::bit_cast<double>(std::bit_cast<std::uint64_t>(root) + (k / num_roots << 52U));
    return power + power * series;
  }

 private:
  static constexpr int num_roots = 128;
  static constexpr double ln_2 = 0x1.62e42fefa39efp-1;
  // ln 2 / 128 in two parts, of which the first has so few bits that k times it is exact.
  static constexpr double ln_2_high = 0x1.62e42fefa0000p-8;
  static constexpr double ln_2_low = 0x1.cf79abc9e3b39p-47;

  std::array<double, num_roots> roots_;  // 2^(i/128)
};

}  // namespace tessera
