// Durations that grow by the same amount from each to the next: first, first + growth, …
//
// The steps of a batch that only decodes take such times. Sums over them are closed forms in
// integers, equal to adding the terms one by one.
#pragma once

#include <cstdint>

#include "tessera/core/time.hpp"

namespace tessera {

class DurationSeries {
 public:
  // Picoseconds of a term stay below this (it is 19 minutes), so that 64 bits hold the sum of a few
  // thousand terms.
  static constexpr std::int64_t longest_term = std::int64_t{1} << 50;
  static constexpr std::int64_t few = 1 << 12;

  DurationSeries() = default;
  // Preconditions: 0 <= first, 0 <= growth, every term that is asked for < longest_term.
  DurationSeries(std::int64_t first_picoseconds, std::int64_t growth_picoseconds)
      : first_(first_picoseconds), growth_(growth_picoseconds) {}

  // Σ of the first n terms, in picoseconds. Precondition of all: 0 <= n < 2^31.
  [[nodiscard]] Int128 sum(std::int64_t n) const {
    return Int128{first_} * n + Int128{growth_} * pairs(n);
  }
  // The same. Precondition: n <= few.
  [[nodiscard]] std::int64_t sum_of_few(std::int64_t n) const {
    return first_ * n + growth_ * pairs(n);
  }
  // Σ j · term(j) over j = 0 … n − 1.
  [[nodiscard]] Int128 moment(std::int64_t n) const {
    return Int128{first_} * pairs(n) + Int128{growth_} * (Int128{n - 1} * n * (2 * n - 1) / 6);
  }
  // Σ sum(j) over the n indices j = from, from + stride, …
  [[nodiscard]] Int128 sum_of_sums(std::int64_t from, std::int64_t stride, std::int64_t n) const;
  // The lower 64 bits of the same. Precondition: from + stride · n < 2^15.
  [[nodiscard]] std::uint64_t low_sum_of_sums(std::int64_t from, std::int64_t stride,
                                              std::int64_t n) const {
    const std::int64_t indices = n * from + stride * pairs(n);
    const std::int64_t squares = n * from * from + 2 * from * stride * pairs(n) +
                                 stride * stride * (pairs(n) * (2 * n - 1) / 3);
    return static_cast<std::uint64_t>(first_) * static_cast<std::uint64_t>(indices) +
           static_cast<std::uint64_t>(growth_) *
               (static_cast<std::uint64_t>(squares - indices) / 2);
  }
  // The fewest terms that together last for `length`, or `limit` where that takes more.
  // Preconditions: length > 0, limit > 0, sum(limit) > 0.
  [[nodiscard]] std::int64_t terms_to_last(Duration length, std::int64_t limit) const;

  // 0 + 1 + … + (n − 1). Precondition: 0 <= n < 2^31.
  [[nodiscard]] static std::int64_t pairs(std::int64_t n) {
    return static_cast<std::int64_t>(static_cast<std::uint64_t>(n * (n - 1)) / 2);
  }

  [[nodiscard]] std::int64_t term(std::int64_t j) const { return first_ + growth_ * j; }
  [[nodiscard]] std::int64_t first() const { return first_; }
  [[nodiscard]] std::int64_t growth() const { return growth_; }

 private:
  [[nodiscard]] std::int64_t guess_terms(Int128 length, std::int64_t limit) const;
  [[nodiscard]] std::int64_t few_to_last(Duration length, std::int64_t limit) const;
  [[nodiscard]] std::int64_t many_to_last(Duration length, std::int64_t limit) const;

  std::int64_t first_ = 0;
  std::int64_t growth_ = 0;
};

}  // namespace tessera
