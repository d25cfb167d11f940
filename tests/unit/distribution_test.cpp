// Percentiles and means of latencies, against sorting everything.
#include "tessera/core/distribution.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tessera/core/random.hpp"

namespace tessera {
namespace {

Duration ps(std::int64_t n) {
  return Duration::picoseconds(n);
}

// The definition: linear between the two values around rank (n − 1)·p, to the nearest picosecond.
std::int64_t naive_percentile(std::vector<std::int64_t> values, std::int64_t hundredths) {
  std::sort(values.begin(), values.end());
  const auto position = static_cast<std::int64_t>(values.size() - 1) * hundredths;
  const auto rank = static_cast<std::size_t>(position / 100);
  if (position % 100 == 0) {
    return values[rank];
  }
  const Int128 step = values[rank + 1] - values[rank];
  return values[rank] + static_cast<std::int64_t>((2 * step * (position % 100) + 100) / 200);
}

TEST(Distribution, IsUndefinedWithoutValues) {
  Distribution none;
  EXPECT_EQ(none.count(), 0);
  EXPECT_FALSE(none.mean());
  EXPECT_FALSE(none.max());
  EXPECT_FALSE(none.percentile({50}));
}

TEST(Distribution, OfOneValueIsThatValue) {
  Distribution one;
  one.add(ps(7));
  for (const std::int64_t p : {0, 50, 99, 100}) {
    EXPECT_EQ(one.percentile({p}), ps(7));
  }
  EXPECT_EQ(one.mean(), ps(7));
}

TEST(Distribution, InterpolatesLinearly) {
  Distribution values;
  for (const std::int64_t v : {40, 10, 30, 20}) {
    values.add(ps(v));
  }
  EXPECT_EQ(values.percentile({50}), ps(25));
  EXPECT_EQ(values.percentile({90}), ps(37));
  EXPECT_EQ(values.percentile({99}), ps(40));  // 39.7 to the nearest picosecond
  EXPECT_EQ(values.percentile({0}), ps(10));
  EXPECT_EQ(values.percentile({100}), ps(40));
  EXPECT_EQ(values.max(), ps(40));
}

TEST(Distribution, CountsTimesLikeRepeatedValues) {
  Distribution once;
  Distribution repeated;
  for (const auto& [value, times] : {std::pair{5, 3}, {9, 1}, {5, 2}, {1, 4}}) {
    once.add(ps(value), times);
    for (int i = 0; i < times; ++i) {
      repeated.add(ps(value));
    }
  }
  EXPECT_EQ(once.count(), 10);
  EXPECT_EQ(once.mean(), repeated.mean());
  for (std::int64_t p = 0; p <= 100; ++p) {
    EXPECT_EQ(once.percentile({p}), repeated.percentile({p})) << p;
  }
}

TEST(Distribution, EqualsSortingEverything) {
  RandomStream random(3, "values");
  for (int round = 0; round < 50; ++round) {
    Distribution values(500);
    std::vector<std::int64_t> all;
    // Few distinct values, so that equal ones are merged.
    const std::uint64_t distinct = 1 + random() % 30;
    for (int i = 0; i < 500; ++i) {
      all.push_back(static_cast<std::int64_t>(random() % distinct) * 1'000'003);
      values.add(ps(all.back()));
    }
    ASSERT_TRUE(values.exact());
    for (std::int64_t p = 0; p <= 100; ++p) {
      ASSERT_EQ(values.percentile({p}), ps(naive_percentile(all, p))) << p;
    }
  }
}

TEST(Distribution, MayBeAskedBetweenAdditions) {
  Distribution values;
  values.add(ps(10));
  values.add(ps(5));
  EXPECT_EQ(values.percentile({50}), ps(8));  // 7.5, ties upwards
  values.add(ps(1));
  EXPECT_EQ(values.percentile({50}), ps(5));
}

TEST(Distribution, BeyondItsLimitIsWithinOneThousandth) {
  RandomStream random(4, "values");
  Distribution values(1000);
  std::vector<std::int64_t> all;
  Int128 sum = 0;
  for (int i = 0; i < 20'000; ++i) {
    // Spread over many magnitudes, from picoseconds to days.
    all.push_back(static_cast<std::int64_t>(random() >> (1 + random() % 62)));
    sum += all.back();
    values.add(ps(all.back()));
  }
  EXPECT_FALSE(values.exact());
  EXPECT_EQ(values.count(), 20'000);
  EXPECT_EQ(values.mean()->picoseconds(), (2 * sum + 20'000) / 40'000);
  for (std::int64_t p = 0; p <= 100; ++p) {
    const auto exact = static_cast<double>(naive_percentile(all, p));
    const auto got = static_cast<double>(values.percentile({p})->picoseconds());
    EXPECT_LE(std::fabs(got - exact), 0.001 * exact + 1.0) << p;
  }
  EXPECT_EQ(values.percentile({0}), ps(*std::min_element(all.begin(), all.end())));
  EXPECT_EQ(values.percentile({100}), ps(*std::max_element(all.begin(), all.end())));
}

TEST(Distribution, DependsOnTheValuesNotOnTheirOrder) {
  RandomStream random(5, "values");
  for (const std::int64_t limit : {100, 400, 1000}) {
    std::vector<std::int64_t> all;
    for (int i = 0; i < 400; ++i) {
      all.push_back(static_cast<std::int64_t>(random() % 90) * 1'000'003);
    }
    Distribution drawn(limit);
    Distribution sorted(limit);
    for (const std::int64_t value : all) {
      drawn.add(ps(value));
    }
    std::sort(all.begin(), all.end());
    for (const std::int64_t value : all) {
      sorted.add(ps(value));
    }
    EXPECT_EQ(drawn.exact(), limit >= 400);
    EXPECT_EQ(drawn.exact(), sorted.exact());
    for (std::int64_t p = 0; p <= 100; ++p) {
      ASSERT_EQ(drawn.percentile({p}), sorted.percentile({p})) << p;
    }
  }
}

TEST(Distribution, TakesASeriesAsItsTerms) {
  RandomStream random(6, "series");
  for (const std::int64_t limit : {50, 100'000}) {
    Distribution at_once(limit);
    Distribution one_by_one(limit);
    for (int i = 0; i < 200; ++i) {
      const auto first = static_cast<std::int64_t>(random() >> (2 + random() % 60));
      const auto growth =
          i % 5 == 0 ? 0 : static_cast<std::int64_t>(random() >> (20 + random() % 44));
      const DurationSeries series(first, growth);
      const auto n = static_cast<std::int64_t>(1 + random() % 100);
      const auto times = static_cast<std::int64_t>(1 + random() % 3);
      at_once.add(series, n, series.sum(n), times);
      for (std::int64_t j = 0; j < n; ++j) {
        one_by_one.add(ps(first + j * growth), times);
      }
    }
    EXPECT_EQ(at_once.exact(), limit > 50);
    EXPECT_EQ(at_once.count(), one_by_one.count());
    EXPECT_EQ(at_once.mean(), one_by_one.mean());
    EXPECT_EQ(at_once.max(), one_by_one.max());
    for (std::int64_t p = 0; p <= 100; ++p) {
      ASSERT_EQ(at_once.percentile({p}), one_by_one.percentile({p})) << p;
    }
  }
}

TEST(Distribution, TakesShortValuesAsAnyOthers) {
  RandomStream random(7, "values");
  constexpr std::uint64_t below = Distribution::short_below;
  for (const std::int64_t limit : {50, 100'000}) {
    Distribution quickly(limit);
    Distribution any(limit);
    std::vector<std::uint64_t> values{0, 1, 1023, 1024, 1025, 2047, 2048, below - 1, below / 2};
    for (int i = 0; i < 3'000; ++i) {
      values.push_back(random() >> (11 + random() % 53));
    }
    for (const std::uint64_t value : values) {
      quickly.add_short(value);
      any.add(ps(static_cast<std::int64_t>(value)));
    }
    EXPECT_EQ(quickly.exact(), limit > 50);
    EXPECT_EQ(quickly.count(), any.count());
    EXPECT_EQ(quickly.mean(), any.mean());
    EXPECT_EQ(quickly.max(), any.max());
    for (std::int64_t p = 0; p <= 100; ++p) {
      ASSERT_EQ(quickly.percentile({p}), any.percentile({p})) << p;
    }
  }
}

// A value of years makes a histogram of few.
TEST(Distribution, TakesShortValuesAfterOneOfYears) {
  Distribution quickly;
  Distribution any;
  const Duration years = Duration::seconds(Int128{40} * 365 * 86'400);
  quickly.add(years);
  any.add(years);
  for (const std::int64_t value : {0, 7, 1'024, 5'000'000}) {
    quickly.add_short(static_cast<std::uint64_t>(value));
    any.add(ps(value));
  }
  EXPECT_FALSE(quickly.exact());
  EXPECT_EQ(quickly.count(), 5);
  EXPECT_EQ(quickly.mean(), any.mean());
  for (std::int64_t p = 0; p <= 100; ++p) {
    EXPECT_EQ(quickly.percentile({p}), any.percentile({p})) << p;
  }
  EXPECT_EQ(quickly.percentile({0}), ps(0));
  EXPECT_EQ(quickly.percentile({25}), ps(7));
}

TEST(Distribution, HoldsLatenciesOfYears) {
  Distribution values;
  values.add(ps(1));
  values.add(Duration::seconds(Int128{40} * 365 * 86'400));
  EXPECT_EQ(values.max(), Duration::seconds(Int128{40} * 365 * 86'400));
  EXPECT_EQ(values.percentile({0}), ps(1));
  EXPECT_FALSE(values.exact());
}

}  // namespace
}  // namespace tessera
