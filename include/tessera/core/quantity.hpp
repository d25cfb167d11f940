// Strong integer types for what the simulator counts: tokens, bytes, KV blocks, iterations.
//
// A Quantity<Tag> holds a signed 64-bit count. Two quantities of one kind add, subtract, compare,
// and divide to a plain count; quantities of different kinds do not mix. Taking the number out is
// visible at the call: `tokens.count()`.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace tessera {

template <class Tag>
class Quantity {
 public:
  constexpr Quantity() = default;
  constexpr explicit Quantity(std::int64_t count) : count_(count) {}

  [[nodiscard]] constexpr std::int64_t count() const { return count_; }
  [[nodiscard]] static constexpr Quantity max() {
    return Quantity{std::numeric_limits<std::int64_t>::max()};
  }

  friend constexpr auto operator<=>(Quantity, Quantity) = default;
  constexpr Quantity& operator+=(Quantity other) {
    count_ += other.count_;
    return *this;
  }
  constexpr Quantity& operator-=(Quantity other) {
    count_ -= other.count_;
    return *this;
  }
  constexpr Quantity& operator++() {
    ++count_;
    return *this;
  }
  constexpr Quantity& operator--() {
    --count_;
    return *this;
  }
  friend constexpr Quantity operator+(Quantity a, Quantity b) {
    return Quantity{a.count_ + b.count_};
  }
  friend constexpr Quantity operator-(Quantity a, Quantity b) {
    return Quantity{a.count_ - b.count_};
  }
  friend constexpr Quantity operator*(Quantity a, std::int64_t n) { return Quantity{a.count_ * n}; }
  friend constexpr Quantity operator*(std::int64_t n, Quantity a) { return Quantity{n * a.count_}; }
  friend constexpr std::int64_t operator/(Quantity a, Quantity b) { return a.count_ / b.count_; }
  friend constexpr Quantity operator%(Quantity a, Quantity b) {
    return Quantity{a.count_ % b.count_};
  }

 private:
  std::int64_t count_ = 0;
};

using Tokens = Quantity<struct TokensTag>;
using Bytes = Quantity<struct BytesTag>;
using Blocks = Quantity<struct BlocksTag>;          // KV blocks (vLLM), pages, cells
using Iterations = Quantity<struct IterationsTag>;  // scheduler steps

// How many whole pieces of `piece` hold `whole`. Precondition: whole >= 0, piece > 0.
template <class Tag>
[[nodiscard]] constexpr std::int64_t divide_up(Quantity<Tag> whole, Quantity<Tag> piece) {
  return (whole.count() + piece.count() - 1) / piece.count();
}

// `whole` rounded up to a multiple of `piece`. Precondition: whole >= 0, piece > 0.
template <class Tag>
[[nodiscard]] constexpr Quantity<Tag> round_up(Quantity<Tag> whole, Quantity<Tag> piece) {
  return piece * divide_up(whole, piece);
}

namespace literals {

constexpr Tokens operator""_tokens(unsigned long long n) {
  return Tokens{static_cast<std::int64_t>(n)};
}
constexpr Bytes operator""_bytes(unsigned long long n) {
  return Bytes{static_cast<std::int64_t>(n)};
}
constexpr Bytes operator""_KiB(unsigned long long n) {
  return Bytes{static_cast<std::int64_t>(n) << 10};
}
constexpr Bytes operator""_MiB(unsigned long long n) {
  return Bytes{static_cast<std::int64_t>(n) << 20};
}
constexpr Bytes operator""_GiB(unsigned long long n) {
  return Bytes{static_cast<std::int64_t>(n) << 30};
}
constexpr Blocks operator""_blocks(unsigned long long n) {
  return Blocks{static_cast<std::int64_t>(n)};
}

}  // namespace literals
}  // namespace tessera
