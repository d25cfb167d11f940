// The three placements by example.
#include "tessera/memory/placement.hpp"

#include <gtest/gtest.h>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

Extent piece(std::int64_t offset, std::int64_t size) {
  return {Units{offset}, Units{size}};
}

std::vector<Extent> runs(std::initializer_list<std::pair<std::int64_t, std::int64_t>> pairs) {
  std::vector<Extent> made;
  for (const auto& [offset, size] : pairs) {
    made.push_back(piece(offset, size));
  }
  return made;
}

TEST(BuddyPlacement, TextbookExampleOf1024) {
  const auto buddy = make_placement(Placement::buddy, Units{1024});
  EXPECT_EQ(buddy->allocate(Units{100}), piece(0, 128));
  EXPECT_EQ(buddy->allocate(Units{240}), piece(256, 256));
  EXPECT_EQ(buddy->allocate(Units{64}), piece(128, 64));
  EXPECT_EQ(buddy->allocate(Units{256}), piece(512, 256));
  EXPECT_EQ(buddy->free(), Units{320});
  EXPECT_EQ(buddy->largest_free(), Units{256});
  buddy->deallocate(piece(256, 256));
  EXPECT_EQ(buddy->free_runs(), runs({{192, 64}, {256, 256}, {768, 256}}));
  buddy->deallocate(piece(0, 128));
  buddy->deallocate(piece(128, 64));
  EXPECT_EQ(buddy->free_runs(), runs({{0, 512}, {768, 256}}));
  buddy->deallocate(piece(512, 256));
  EXPECT_EQ(buddy->free_runs(), runs({{0, 1024}}));
}

TEST(BuddyPlacement, OtherSizesAreRootsOfTheirBinaryDigits) {
  const auto buddy = make_placement(Placement::buddy, Units{15'728}, Units{2048});
  EXPECT_EQ(buddy->free_runs(), runs({{0, 8192},
                                      {8192, 4096},
                                      {12288, 2048},
                                      {14336, 1024},
                                      {15360, 256},
                                      {15616, 64},
                                      {15680, 32},
                                      {15712, 16}}));
  EXPECT_EQ(buddy->remainders(), Units{1392});
  EXPECT_EQ(buddy->allocate(Units{1000}), piece(14336, 1024));
  EXPECT_EQ(buddy->allocate(Units{1}), piece(15712, 1));
  buddy->deallocate(piece(15712, 1));
  buddy->deallocate(piece(14336, 1024));
  EXPECT_EQ(buddy->free_runs().size(), 8U) << "roots never join";
  buddy->audit();
}

TEST(BuddyPlacement, HoldsAddressesBeyond32Bits) {
  const Units arena{(std::int64_t{1} << 62) - 1};
  const auto buddy = make_placement(Placement::buddy, arena);
  EXPECT_EQ(buddy->free(), arena);
  EXPECT_EQ(buddy->largest_free(), Units{std::int64_t{1} << 61});
  const auto half = buddy->allocate(Units{(std::int64_t{1} << 60) + 1});
  ASSERT_TRUE(half.has_value());
  EXPECT_EQ(half->size, Units{std::int64_t{1} << 61});
  EXPECT_FALSE(buddy->allocate(Units{std::int64_t{1} << 62}).has_value());
  buddy->deallocate(*half);
  buddy->audit();
}

TEST(BestFitPlacement, TakesTheSmallestRunAndTheLowestOfEqualOnes) {
  const auto arena = make_placement(Placement::best_fit, Units{100});
  for (const std::int64_t size : {10, 1, 5, 1, 5, 1, 77}) {
    ASSERT_TRUE(arena->allocate(Units{size}).has_value());
  }
  arena->deallocate(piece(0, 10));
  arena->deallocate(piece(17, 5));
  arena->deallocate(piece(11, 5));
  EXPECT_EQ(arena->largest_free(), Units{10});
  EXPECT_EQ(arena->allocate(Units{4}), piece(11, 4));
  EXPECT_EQ(arena->allocate(Units{5}), piece(17, 5));
  EXPECT_EQ(arena->allocate(Units{2}), piece(0, 2));
  EXPECT_EQ(arena->free_runs(), runs({{2, 8}, {15, 1}}));
}

TEST(FirstFitPlacement, TakesTheLowestRunThatHolds) {
  const auto arena = make_placement(Placement::first_fit, Units{100});
  for (const std::int64_t size : {4, 1, 10, 1, 5, 1, 78}) {
    ASSERT_TRUE(arena->allocate(Units{size}).has_value());
  }
  arena->deallocate(piece(0, 4));
  arena->deallocate(piece(16, 5));
  arena->deallocate(piece(5, 10));
  EXPECT_EQ(arena->allocate(Units{5}), piece(5, 5)) << "though the run at 16 fits exactly";
  EXPECT_EQ(arena->allocate(Units{2}), piece(0, 2));
  EXPECT_EQ(arena->free_runs(), runs({{2, 2}, {10, 5}, {16, 5}}));
  arena->deallocate(piece(15, 1));
  EXPECT_EQ(arena->free_runs(), runs({{2, 2}, {10, 11}}));
  EXPECT_EQ(arena->largest_free(), Units{11});
}

class EveryPlacement : public testing::TestWithParam<Placement> {};

TEST_P(EveryPlacement, EmptyArenaHoldsNothing) {
  const auto arena = make_placement(GetParam(), Units{0}, Units{8});
  EXPECT_FALSE(arena->allocate(Units{1}).has_value());
  EXPECT_EQ(arena->free(), Units{0});
  EXPECT_EQ(arena->largest_free(), Units{0});
  EXPECT_EQ(arena->remainders(), Units{0});
  EXPECT_TRUE(arena->free_runs().empty());
  arena->audit();
}

TEST_P(EveryPlacement, AWholeArenaGoesAndComesBack) {
  const auto arena = make_placement(GetParam(), Units{64});
  const auto all = arena->allocate(Units{64});
  EXPECT_EQ(all, piece(0, 64));
  EXPECT_FALSE(arena->allocate(Units{1}).has_value());
  arena->deallocate(*all);
  EXPECT_EQ(arena->free_runs(), runs({{0, 64}}));
}

TEST_P(EveryPlacement, MistakesOfTheCallerAreInvariants) {
  const auto arena = make_placement(GetParam(), Units{64});
  EXPECT_THROW(static_cast<void>(arena->allocate(Units{0})), InvariantViolation);
  EXPECT_THROW(arena->deallocate(piece(0, 64)), InvariantViolation) << "it is free";
  EXPECT_THROW(arena->deallocate(piece(64, 64)), InvariantViolation) << "it is outside";
  EXPECT_THROW(arena->deallocate(piece(0, 0)), InvariantViolation);
  arena->audit();
  EXPECT_THROW(static_cast<void>(make_placement(GetParam(), Units{-1})), InvariantViolation);
  EXPECT_THROW(static_cast<void>(make_placement(GetParam(), Units{1}, Units{0})),
               InvariantViolation);
}

INSTANTIATE_TEST_SUITE_P(Placements, EveryPlacement,
                         testing::Values(Placement::buddy, Placement::best_fit,
                                         Placement::first_fit),
                         [](const auto& chosen) { return std::string(name_of(chosen.param)); });

}  // namespace
}  // namespace tessera
