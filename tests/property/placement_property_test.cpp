// Random programs of allocations and frees: every placement gives the addresses that its naive twin
// gives, and agrees with it on every free run.
#include <gtest/gtest.h>

#include <random>

#include "tessera/memory/placement.hpp"
#include "tests/property/naive_placement.hpp"

namespace tessera {
namespace {

struct Shape {
  std::int64_t units;
  std::int64_t greatest_request;
  std::int64_t quantum;
  std::uint64_t frees_in_ten;
};

constexpr Shape shapes[] = {{1, 1, 1, 5},     {7, 3, 2, 5},     {64, 20, 8, 4},
                            {100, 100, 7, 5}, {300, 40, 32, 4}, {400, 9, 5, 4}};

class PlacementProperty : public testing::TestWithParam<Placement> {};

void expect_equal(const PlacementAllocator& real, const naive::NaivePlacement& plain,
                  std::int64_t quantum) {
  real.audit();
  ASSERT_EQ(real.free_runs(), plain.free_runs());
  ASSERT_EQ(real.free(), Units{plain.free()});
  ASSERT_EQ(real.largest_free(), Units{plain.largest_free()});
  ASSERT_EQ(real.remainders(), Units{plain.remainders(quantum)});
}

void run_program(Placement placement, const Shape& shape, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto real = make_placement(placement, Units{shape.units}, Units{shape.quantum});
  const auto plain = naive::make_naive(placement, shape.units);
  std::vector<Extent> held;
  for (int step = 0; step < 300; ++step) {
    if (!held.empty() && random() % 10 < shape.frees_in_ten) {
      const std::size_t at = random() % held.size();
      real->deallocate(held[at]);
      plain->deallocate(held[at]);
      held[at] = held.back();
      held.pop_back();
    } else {
      const auto size = static_cast<std::int64_t>(
          1 + random() % static_cast<std::uint64_t>(shape.greatest_request));
      const std::optional<Extent> got = real->allocate(Units{size});
      ASSERT_EQ(got, plain->allocate(size)) << "request for " << size;
      if (got) {
        ASSERT_EQ(got->size, real->granted(Units{size}));
        held.push_back(*got);
      }
    }
    ASSERT_NO_FATAL_FAILURE(expect_equal(*real, *plain, shape.quantum));
  }
  for (const Extent& extent : held) {
    real->deallocate(extent);
  }
  ASSERT_EQ(real->free_runs(), naive::make_naive(placement, shape.units)->free_runs());
}

TEST_P(PlacementProperty, GivesTheAddressesOfItsNaiveTwin) {
  for (const Shape& shape : shapes) {
    for (std::uint64_t seed = 0; seed < 12; ++seed) {
      SCOPED_TRACE(testing::Message() << "units " << shape.units << ", seed " << seed);
      ASSERT_NO_FATAL_FAILURE(run_program(GetParam(), shape, seed));
    }
  }
}

// Fifty thousand runs at once: enough for a degenerate tree to be seen as a time-out.
TEST_P(PlacementProperty, StaysFastWithManyRuns) {
  constexpr std::int64_t pieces = 50'000;
  const auto real = make_placement(GetParam(), Units{2 * pieces});
  std::vector<Extent> held;
  for (std::int64_t i = 0; i < 2 * pieces; ++i) {
    const auto got = real->allocate(Units{1});
    ASSERT_TRUE(got.has_value());
    held.push_back(*got);
  }
  for (std::size_t i = 0; i < held.size(); i += 2) {
    real->deallocate(held[i]);
  }
  ASSERT_FALSE(real->allocate(Units{2}).has_value());
  ASSERT_EQ(real->free(), Units{pieces});
  ASSERT_EQ(real->largest_free(), Units{1});
  std::mt19937_64 random(1);
  for (std::size_t i = 1; i < held.size(); i += 2) {
    const std::size_t other = 1 + 2 * (random() % static_cast<std::uint64_t>(pieces));
    std::swap(held[i], held[other]);
  }
  for (std::size_t i = 1; i < held.size(); i += 2) {
    real->deallocate(held[i]);
  }
  ASSERT_EQ(real->free_runs(), naive::make_naive(GetParam(), 2 * pieces)->free_runs());
  real->audit();
}

INSTANTIATE_TEST_SUITE_P(Placements, PlacementProperty,
                         testing::Values(Placement::buddy, Placement::best_fit,
                                         Placement::first_fit),
                         [](const auto& chosen) { return std::string(name_of(chosen.param)); });

}  // namespace
}  // namespace tessera
