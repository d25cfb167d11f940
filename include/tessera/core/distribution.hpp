// The distribution of a latency: exact mean and percentiles of any number of values.
//
// Up to `max_values` values are kept, as (value, how often) pairs, equal neighbours in one pair.
// More go into a logarithmic histogram whose buckets are narrow enough for a relative error of
// 0.001; memory stays bounded. Which it is depends on the number of values alone, and what is said
// of them on the values alone, not on the order in which they came.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
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
    const auto narrow = static_cast<std::int64_t>(value.picoseconds());
    if (narrow < usual_from_ || high_half(value.picoseconds()) != 0 || times <= 0) {
      add_unusual(value.picoseconds(), times);
      return;
    }
    count_ += times;
    sum_ += Int128{static_cast<std::uint64_t>(narrow)} * static_cast<std::uint64_t>(times);
    include(narrow, narrow);
    buckets_[bucket_of(narrow, shift_of(narrow))] += times;
  }
  // A value of less than this: a double holds it, and its highest bits say which bucket it is in.
  static constexpr std::uint64_t short_below = std::uint64_t{1} << 53;
  // The same of such a value of picoseconds, once, in fewer instructions.
  void add_short(std::uint64_t picoseconds) {
    const auto value = static_cast<std::int64_t>(picoseconds);
    if (value < usual_from_) {
      add_early(value);
      return;
    }
    ++count_;
    sum_ += picoseconds;
    include(value, value);
    ++buckets_[bucket_of_narrow(value)];
  }
  // The first n terms of a series, which sum to `sum` picoseconds, each so many times.
  // Preconditions: n > 0, times > 0.
  void add(const DurationSeries& series, std::int64_t n, Int128 sum, std::int64_t times) {
    const std::int64_t first = series.first();
    const std::int64_t last = series.term(n - 1);
    if (last >= DurationSeries::longest_term || first < usual_from_ || times <= 0) {
      add_unusual(series, n, sum, times);
      return;
    }
    count_ += n * times;
    sum_ += sum * times;
    include(first, last);
    constexpr std::int64_t few = 12;
    if (n > few) {
      add_by_bucket(series, n, times);
      return;
    }
    std::int64_t value = first;
    for (std::int64_t j = 0; j < n; ++j, value += series.growth()) {
      buckets_[bucket_of_narrow(value)] += times;
    }
  }

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

  // What the exponent of a double is more than the shift, in buckets.
  static constexpr std::uint64_t bits_below = (1023 + kept_bits - 2) * std::uint64_t{half};

  // Precondition: value >= 2 * half. Those below have buckets of their own, with shift 0.
  static int shift_of(std::int64_t value) {
    return (__builtin_clzll(static_cast<std::uint64_t>(value)) ^ 63) - (kept_bits - 1);
  }
  static std::size_t bucket_of(std::int64_t value, int shift) {
    return static_cast<std::size_t>(shift * half + (value >> shift));
  }
  static std::size_t bucket_of(std::int64_t value) {
    return bucket_of(value, value < 2 * half ? 0 : shift_of(value));
  }
  // The same of 1024 or more, less than 2^53: a double has the bits that make the bucket.
  static std::size_t bucket_of_narrow(std::int64_t value) {
    const auto bits = std::bit_cast<std::uint64_t>(static_cast<double>(value));
    return static_cast<std::size_t>((bits >> (53 - kept_bits)) - bits_below);
  }
  static std::uint64_t high_half(Int128 value) { return static_cast<std::uint64_t>(value >> 64); }
  // The first value behind a bucket of such values.
  static std::int64_t end_of_narrow(std::size_t bucket) {
    const std::uint64_t bits = (bucket + 1 + bits_below) << (53 - kept_bits);
    return static_cast<std::int64_t>(std::bit_cast<double>(bits));
  }
  // Rounded upwards. Preconditions: whole >= 0, part > 0.
  static std::int64_t divided_up(std::int64_t whole, std::int64_t part) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(whole + part - 1) /
                                     static_cast<std::uint64_t>(part));
  }
  static std::size_t wide_bucket_of(Int128 value);
  static Int128 middle_of(std::size_t bucket);
  [[nodiscard]] Int128 least() const { return min_ <= max_ ? Int128{min_} : wide_min_; }
  [[nodiscard]] Int128 greatest() const { return std::max(wide_max_, Int128{max_}); }
  void include(std::int64_t least, std::int64_t most) {
    if (least < min_) [[unlikely]] {
      min_ = least;
    }
    if (most > max_) [[unlikely]] {
      max_ = most;
    }
  }

  // One of the first values, mostly.
  void add_early(std::int64_t value);
  void add_unusual(Int128 picoseconds, std::int64_t times);
  void add_unusual(const DurationSeries& series, std::int64_t n, Int128 sum, std::int64_t times);
  void add_pair(std::int64_t value, std::int64_t times);
  void sort_and_merge();
  void change_to_histogram();
  void add_by_bucket(const DurationSeries& series, std::int64_t n, std::int64_t times);
  void add_to_histogram(const DurationSeries& series, std::int64_t n, std::int64_t times);
  [[nodiscard]] Int128 value_at(std::int64_t rank) const;

  std::int64_t max_values_;
  std::vector<Pair> pairs_;
  bool sorted_ = true;
  std::vector<std::int64_t> buckets_;
  // Usual is one more of many values that 64 bits hold: from here on, where there are buckets.
  // Those below have a bucket each.
  std::int64_t usual_from_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t count_ = 0;
  Int128 sum_ = 0;
  // Of the values that 64 bits hold, min_ > max_ where there are none; and of the others.
  std::int64_t min_ = std::numeric_limits<std::int64_t>::max();
  std::int64_t max_ = 0;
  Int128 wide_min_ = Duration::max().picoseconds();
  Int128 wide_max_ = 0;
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
