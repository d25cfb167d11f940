// Sums over durations that grow evenly, against adding them one by one.
#include "tessera/core/duration_series.hpp"

#include <gtest/gtest.h>

#include "tessera/core/random.hpp"

namespace tessera {
namespace {

DurationSeries random_series(RandomStream& random) {
  return {static_cast<std::int64_t>(random() >> (15 + random() % 49)),
          static_cast<std::int64_t>(random() % 3 == 0 ? 0 : random() >> (30 + random() % 34))};
}

TEST(DurationSeries, SumsAsTheTermsDo) {
  RandomStream random(1, "series");
  for (int i = 0; i < 300; ++i) {
    const DurationSeries series = random_series(random);
    Int128 sum = 0;
    Int128 moment = 0;
    for (std::int64_t n = 0; n < 60; ++n) {
      ASSERT_EQ(series.sum(n), sum);
      ASSERT_EQ(series.moment(n), moment);
      sum += series.term(n);
      moment += Int128{series.term(n)} * n;
    }
  }
}

TEST(DurationSeries, SumsItsSumsInStrides) {
  RandomStream random(2, "series");
  for (int i = 0; i < 300; ++i) {
    const DurationSeries series = random_series(random);
    const auto from = static_cast<std::int64_t>(random() % 20);
    const auto stride = static_cast<std::int64_t>(1 + random() % 20);
    Int128 sums = 0;
    for (std::int64_t n = 0; n < 30; ++n) {
      ASSERT_EQ(series.sum_of_sums(from, stride, n), sums);
      ASSERT_EQ(series.low_sum_of_sums(from, stride, n), static_cast<std::uint64_t>(sums));
      sums += series.sum(from + stride * n);
    }
  }
}

TEST(DurationSeries, FindsHowManyTermsLastForATime) {
  RandomStream random(3, "series");
  for (int i = 0; i < 2000; ++i) {
    const DurationSeries series = random_series(random);
    const auto limit = static_cast<std::int64_t>(1 + random() % 200);
    if (series.sum(limit) == 0) {
      continue;
    }
    // Before, at and after the ends of terms, and anywhere.
    const auto near = static_cast<std::int64_t>(random() % 220);
    for (const Int128 length :
         {series.sum(near) - 1, series.sum(near), series.sum(near) + 1,
          static_cast<Int128>(random() % static_cast<std::uint64_t>(series.sum(limit)))}) {
      if (length <= 0) {
        continue;
      }
      std::int64_t naive = 1;
      while (naive < limit && series.sum(naive) < length) {
        ++naive;
      }
      ASSERT_EQ(series.terms_to_last(Duration::picoseconds(length), limit), naive);
    }
  }
}

}  // namespace
}  // namespace tessera
