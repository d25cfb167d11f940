// The distribution of a latency: exact mean and percentiles of any number of values.
//
// Up to `max_values` values are kept, as (value, how often) pairs, equal neighbours in one pair.
// More go into a logarithmic histogram whose buckets are narrow enough for a relative error of
// 0.001; memory stays bounded. Which it is depends on the number of values alone, and what is said
// of them on the values alone, not on the order in which they came.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "tessera/core/duration_series.hpp"
#include "tessera/core/time.hpp"

namespace tessera {

// A share in hundredths: 50 is the median.
struct Percentile {
  std::int64_t hundredths = 50;
};

class Distribution {
 public:
  static constexpr std::int64_t default_max_values = 1 << 17;
  static constexpr const char* histogram_error = "0.001";

  explicit Distribution(std::int64_t max_values = default_max_values) : max_values_(max_values) {}

  // Precondition: value >= 0, times > 0.
  void add(Duration value, std::int64_t times = 1) {
    const Int128 picoseconds = value.picoseconds();
    const auto narrow = static_cast<std::uint64_t>(picoseconds);
    if (narrow != picoseconds || narrow >> 63 != 0 || buckets_.empty() || times <= 0) {
      add_unusual(picoseconds, times);
      return;
    }
    count_ += times;
    sum_ += Int128{static_cast<std::int64_t>(narrow)} * times;
    include(picoseconds, picoseconds);
    buckets_[bucket_of(narrow)] += times;
  }
  // The first n terms of a series, each so many times. Preconditions: n > 0, times > 0.
  void add(const DurationSeries& series, std::int64_t n, std::int64_t times);

  [[nodiscard]] std::int64_t count() const { return count_; }
  // Nothing when there are no values. The mean is to the nearest picosecond.
  [[nodiscard]] std::optional<Duration> mean() const;
  [[nodiscard]] std::optional<Duration> max() const;
  // Interpolates linearly between the values at ranks around (count − 1)·p, to the nearest
  // picosecond. Sorts on first use.
  [[nodiscard]] std::optional<Duration> percentile(Percentile p);
  // Whether percentiles are exact, or to `histogram_error`.
  [[nodiscard]] bool exact() const { return buckets_.empty(); }
  [[nodiscard]] std::int64_t max_values() const { return max_values_; }

 private:
  struct Pair {
    std::int64_t value;  // picoseconds
    std::int64_t times;
  };

  // A bucket holds the values that agree in their highest 10 bits: at most 2^-9 of its value wide,
  // so that its middle is within 2^-10 < 0.001 of each of them. Values below 1024 have a bucket
  // each.
  static constexpr int kept_bits = 10;
  static constexpr std::int64_t half = std::int64_t{1} << (kept_bits - 1);

  static int shift_of(std::uint64_t value) {
    return std::max(0, 64 - kept_bits - __builtin_clzll(value | 1));
  }
  static std::size_t bucket_of(std::uint64_t value) {
    const int shift = shift_of(value);
    return static_cast<std::size_t>(shift * half + static_cast<std::int64_t>(value >> shift));
  }
  static std::size_t wide_bucket_of(Int128 value);
  static Int128 middle_of(std::size_t bucket);
  void include(Int128 least, Int128 most) {
    min_ = std::min(min_, least);
    max_ = std::max(max_, most);
  }

  // Where it is not one more of many values that 64 bits hold.
  void add_unusual(Int128 picoseconds, std::int64_t times);
  void add_pair(std::int64_t value, std::int64_t times);
  void sort_and_merge();
  void change_to_histogram();
  void add_to_histogram(const DurationSeries& series, std::int64_t n, std::int64_t times);
  [[nodiscard]] Int128 value_at(std::int64_t rank) const;

  std::int64_t max_values_;
  std::vector<Pair> pairs_;
  bool sorted_ = true;
  std::vector<std::int64_t> buckets_;
  std::int64_t count_ = 0;
  Int128 sum_ = 0;
  Int128 min_ = Duration::max().picoseconds();
  Int128 max_ = 0;
};

// A mean alone.
class Mean {
 public:
  // Precondition: value >= 0.
  void add(Duration value) {
    sum_ += value;
    ++count_;
  }
  // To the nearest picosecond; nothing when there are no values.
  [[nodiscard]] std::optional<Duration> mean() const;

 private:
  Duration sum_;
  std::int64_t count_ = 0;
};

}  // namespace tessera
