// Our power of e against the mathematical library's.
#include "sim/workload/power_of_e.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "sim/workload/ziggurat.hpp"

namespace tessera {
namespace {

TEST(PowerOfE, IsWithinTwoUnitsOfTheLastPlace) {
  const PowerOfE power_of_e;
  for (double x = -699.9; x < 700.0; x += 0.000'517) {
    const double expected = std::exp(x);
    ASSERT_NEAR(power_of_e(x) / expected, 1.0, 4.5e-16) << x;
  }
  EXPECT_EQ(power_of_e(0.0), 1.0);
}

// Rounded, they are the same: no last bit of a library reaches a length.
TEST(PowerOfE, GivesTheLengthsThatTheLibraryGives) {
  const PowerOfE power_of_e;
  RandomStream stream(1, "prompt_tokens");
  for (int i = 0; i < 2'000'000; ++i) {
    const double x = 1.1 * draw_normal(stream);
    ASSERT_EQ(std::llrint(180.0 * power_of_e(x)), std::llrint(180.0 * std::exp(x))) << i;
  }
}

}  // namespace
}  // namespace tessera
