#include "tessera/core/distribution.hpp"

#include <algorithm>
#include <limits>

#include "tessera/core/contract.hpp"
#include "tessera/core/decimal.hpp"

namespace tessera {
namespace {

int bit_length(Int128 value) {
  const auto high = static_cast<std::uint64_t>(value >> 64);
  const auto low = static_cast<std::uint64_t>(value);
  return high != 0 ? 128 - __builtin_clzll(high) : low != 0 ? 64 - __builtin_clzll(low) : 0;
}

}  // namespace

std::size_t Distribution::wide_bucket_of(Int128 value) {
  const int shift = std::max(0, bit_length(value) - kept_bits);
  return static_cast<std::size_t>(shift * half + static_cast<std::int64_t>(value >> shift));
}

Int128 Distribution::middle_of(std::size_t bucket) {
  const auto index = static_cast<std::int64_t>(bucket);
  if (index < 2 * half) {
    return index;
  }
  const std::int64_t shift = index / half - 1;
  const Int128 start = static_cast<Int128>(index - shift * half) << shift;
  return start + (static_cast<Int128>(1) << shift) / 2;
}

void Distribution::add_early(std::int64_t value) {
  if (count_ >= max_values_ || !buckets_.empty()) {
    add_unusual(value, 1);
    return;
  }
  ++count_;
  sum_ += value;
  include(value, value);
  add_pair(value, 1);
}

void Distribution::add_unusual(Int128 picoseconds, std::int64_t times) {
  TESSERA_INVARIANT(picoseconds >= 0 && times > 0, "a latency is not negative");
  count_ += times;
  sum_ += picoseconds * times;
  const bool is_huge = picoseconds > std::numeric_limits<std::int64_t>::max();
  if (is_huge) {
    wide_min_ = std::min(wide_min_, picoseconds);
    wide_max_ = std::max(wide_max_, picoseconds);
  } else {
    const auto narrow = static_cast<std::int64_t>(picoseconds);
    include(narrow, narrow);
  }
  if (buckets_.empty() && (count_ > max_values_ || is_huge)) {
    change_to_histogram();
  }
  if (buckets_.empty()) {
    add_pair(static_cast<std::int64_t>(picoseconds), times);
  } else {
    buckets_[wide_bucket_of(picoseconds)] += times;
  }
}

void Distribution::add_unusual(const DurationSeries& series, std::int64_t n, Int128 sum,
                               std::int64_t times) {
  TESSERA_INVARIANT(n > 0 && times > 0 && series.first() >= 0, "a series has terms");
  include(series.first(), series.term(n - 1));
  count_ += n * times;
  sum_ += sum * times;
  if (buckets_.empty() && count_ > max_values_) {
    change_to_histogram();
  }
  if (!buckets_.empty()) {
    add_to_histogram(series, n, times);
    return;
  }
  for (std::int64_t j = 0; j < n; ++j) {
    add_pair(series.term(j), times);
  }
}

void Distribution::add_pair(std::int64_t value, std::int64_t times) {
  if (!pairs_.empty() && pairs_.back().value == value) {
    pairs_.back().times += times;
    return;
  }
  sorted_ = sorted_ && (pairs_.empty() || pairs_.back().value < value);
  pairs_.push_back({value, times});
}

std::optional<Duration> Distribution::mean() const {
  if (count_ == 0) {
    return std::nullopt;
  }
  return divide_nearest(Duration::picoseconds(sum_), count_);
}

std::optional<Duration> Distribution::max() const {
  if (count_ == 0) {
    return std::nullopt;
  }
  return Duration::picoseconds(greatest());
}

std::optional<Duration> Distribution::percentile(Percentile p) {
  if (count_ == 0) {
    return std::nullopt;
  }
  sort_and_merge();
  const Int128 position = static_cast<Int128>(count_ - 1) * p.hundredths;
  const auto rank = static_cast<std::int64_t>(position / 100);
  const auto rest = static_cast<std::int64_t>(position % 100);
  const Int128 low = value_at(rank);
  if (rest == 0) {
    return Duration::picoseconds(low);
  }
  const Duration step = Duration::picoseconds(value_at(rank + 1) - low);
  return Duration::picoseconds(low) + divide_nearest(step * rest, 100);
}

void Distribution::sort_and_merge() {
  if (sorted_) {
    return;
  }
  std::sort(pairs_.begin(), pairs_.end(),
            [](const Pair& a, const Pair& b) { return a.value < b.value; });
  std::size_t kept = 0;
  for (std::size_t i = 1; i < pairs_.size(); ++i) {
    if (pairs_[i].value == pairs_[kept].value) {
      pairs_[kept].times += pairs_[i].times;
    } else {
      pairs_[++kept] = pairs_[i];
    }
  }
  pairs_.resize(kept + 1);
  sorted_ = true;
}

void Distribution::change_to_histogram() {
  buckets_.assign((128 - kept_bits + 2) * static_cast<std::size_t>(half), 0);
  for (const Pair& pair : pairs_) {
    buckets_[bucket_of(pair.value)] += pair.times;
  }
  pairs_ = {};
  sorted_ = true;
  usual_from_ = 2 * half;
}

// Bucket after bucket. Precondition: the terms have narrow buckets.
void Distribution::add_by_bucket(const DurationSeries& series, std::int64_t n, std::int64_t times) {
  const std::int64_t growth = series.growth();
  std::int64_t value = series.first();
  while (n > 0) {
    const std::size_t bucket = bucket_of_narrow(value);
    std::int64_t here = n;
    if (growth > 0) {
      const std::int64_t to_next = end_of_narrow(bucket) - value;
      here = to_next <= growth ? 1 : std::min(n, divided_up(to_next, growth));
    }
    buckets_[bucket] += here * times;
    value += here * growth;
    n -= here;
  }
}

// The same of any terms.
void Distribution::add_to_histogram(const DurationSeries& series, std::int64_t n,
                                    std::int64_t times) {
  std::int64_t value = series.first();
  for (std::int64_t left = n; left > 0;) {
    const int shift = value < 2 * half ? 0 : shift_of(value);
    std::int64_t here = left;
    if (series.growth() > 0) {
      const std::int64_t to_next = (((value >> shift) + 1) << shift) - value;
      here = to_next <= series.growth() ? 1 : std::min(left, divided_up(to_next, series.growth()));
    }
    buckets_[bucket_of(value, shift)] += here * times;
    value += here * series.growth();
    left -= here;
  }
}

// The smallest and the largest value are exact even in the histogram.
Int128 Distribution::value_at(std::int64_t rank) const {
  if (rank == 0) {
    return least();
  }
  if (rank >= count_ - 1) {
    return greatest();
  }
  std::int64_t seen = 0;
  for (const Pair& pair : pairs_) {
    seen += pair.times;
    if (seen > rank) {
      return pair.value;
    }
  }
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen > rank) {
      return std::clamp(middle_of(bucket), least(), greatest());
    }
  }
  return greatest();
}

std::optional<Duration> Mean::mean() const {
  if (count_ == 0) {
    return std::nullopt;
  }
  return divide_nearest(sum_, count_);
}

}  // namespace tessera
