// Draws against Boost.Random's: the same bits, of the draw and of the stream that it leaves.
#include "sim/workload/ziggurat.hpp"

#include <gtest/gtest.h>

#include <bit>

namespace tessera {
namespace {

constexpr int num_draws = 300'000;

// Boost's law and ours draw in turn from streams that begin alike.
template <class Law, class Draw>
void expect_same_bits(Law law, Draw draw) {
  RandomStream boosts(3, "draws");
  RandomStream ours(3, "draws");
  for (int i = 0; i < num_draws; ++i) {
    ASSERT_EQ(std::bit_cast<std::uint64_t>(law(boosts)), std::bit_cast<std::uint64_t>(draw(ours)));
  }
  EXPECT_EQ(boosts(), ours());
}

TEST(Ziggurat, DrawsTheNormalsOfBoost) {
  expect_same_bits(boost::random::normal_distribution<double>(), draw_normal);
}

TEST(Ziggurat, DrawsTheExponentialsOfBoost) {
  expect_same_bits(boost::random::exponential_distribution<double>(), draw_exponential);
  expect_same_bits(boost::random::exponential_distribution<double>(14.3),
                   [](RandomStream& stream) { return draw_exponential(stream) / 14.3; });
}

}  // namespace
}  // namespace tessera
