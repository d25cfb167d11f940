// The distribution of a latency: exact mean and percentiles of any number of values.
//
// Values are kept as (value, how often) pairs, equal neighbours in one pair: the sequences of a
// batch share most of their gaps between tokens, so that a run of millions of tokens needs a pair
// or two a step. Beyond `max_pairs` distinct values they go into a logarithmic histogram whose
// buckets are narrow enough for a relative error of 0.001; memory stays bounded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "tessera/core/time.hpp"

namespace tessera {

// A share in hundredths: 50 is the median.
struct Percentile {
  std::int64_t hundredths = 50;
};

class Distribution {
 public:
  static constexpr std::size_t default_max_pairs = std::size_t{1} << 22;
  static constexpr const char* histogram_error = "0.001";

  explicit Distribution(std::size_t max_pairs = default_max_pairs) : max_pairs_(max_pairs) {}

  // Precondition: value >= 0, times > 0.
  void add(Duration value, std::int64_t times = 1);

  [[nodiscard]] std::int64_t count() const { return count_; }
  // Nothing when there are no values. The mean is to the nearest picosecond.
  [[nodiscard]] std::optional<Duration> mean() const;
  [[nodiscard]] std::optional<Duration> max() const;
  // Interpolates linearly between the values at ranks around (count − 1)·p, to the nearest
  // picosecond. Sorts on first use.
  [[nodiscard]] std::optional<Duration> percentile(Percentile p);
  // Whether percentiles are exact, or to `histogram_error`.
  [[nodiscard]] bool exact() const { return buckets_.empty(); }

 private:
  struct Pair {
    std::int64_t value;  // picoseconds
    std::int64_t times;
  };

  void make_room();
  void sort_and_merge();
  void change_to_histogram();
  void add_to_histogram(Int128 value, std::int64_t times);
  [[nodiscard]] Int128 value_at(std::int64_t rank) const;

  std::size_t max_pairs_;
  std::vector<Pair> pairs_;
  bool sorted_ = true;
  std::vector<std::int64_t> buckets_;
  std::int64_t count_ = 0;
  Int128 sum_ = 0;
  Int128 min_ = 0;
  Int128 max_ = 0;
};

}  // namespace tessera
