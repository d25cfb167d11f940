// Simulated time: a whole number of picoseconds in 128 bits, so that neither rounding nor a run of
// ten years (3.2e20 ps; 64 bits end after 106 days) can change a decision.
#pragma once

#include <compare>
#include <cstdint>

namespace tessera {

__extension__ using Int128 = __int128;

// A length of simulated time. Never rounded once it has been formed.
class Duration {
 public:
  constexpr Duration() = default;
  [[nodiscard]] static constexpr Duration picoseconds(Int128 n) { return Duration{n}; }
  [[nodiscard]] static constexpr Duration nanoseconds(Int128 n) { return Duration{n * 1'000}; }
  [[nodiscard]] static constexpr Duration microseconds(Int128 n) { return Duration{n * 1'000'000}; }
  [[nodiscard]] static constexpr Duration milliseconds(Int128 n) {
    return Duration{n * 1'000'000'000};
  }
  [[nodiscard]] static constexpr Duration seconds(Int128 n) {
    return Duration{n * 1'000'000'000'000};
  }
  // The nearest picosecond, ties to even. Precondition: finite, below 5e18 s in magnitude.
  // For coefficients when a scenario is loaded, and for drawn gaps; never for sums.
  [[nodiscard]] static Duration from_seconds(double seconds);
  [[nodiscard]] static constexpr Duration max() {
    return Duration{(static_cast<Int128>(1) << 126) - 1};
  }

  [[nodiscard]] constexpr Int128 picoseconds() const { return picoseconds_; }
  // For printing and statistics only: never fed back into the simulation.
  [[nodiscard]] double to_seconds() const;

  friend constexpr auto operator<=>(Duration, Duration) = default;
  constexpr Duration& operator+=(Duration other) {
    picoseconds_ += other.picoseconds_;
    return *this;
  }
  constexpr Duration& operator-=(Duration other) {
    picoseconds_ -= other.picoseconds_;
    return *this;
  }
  friend constexpr Duration operator+(Duration a, Duration b) {
    return Duration{a.picoseconds_ + b.picoseconds_};
  }
  friend constexpr Duration operator-(Duration a, Duration b) {
    return Duration{a.picoseconds_ - b.picoseconds_};
  }
  friend constexpr Duration operator*(Duration a, std::int64_t n) {
    return Duration{a.picoseconds_ * n};
  }
  friend constexpr Duration operator*(std::int64_t n, Duration a) { return a * n; }

 private:
  constexpr explicit Duration(Int128 n) : picoseconds_(n) {}
  Int128 picoseconds_ = 0;
};

// An instant of simulated time, counted from the start of the run.
class SimTime {
 public:
  constexpr SimTime() = default;  // the start
  [[nodiscard]] static constexpr SimTime at(Duration since_start) { return SimTime{since_start}; }
  [[nodiscard]] static constexpr SimTime max() { return SimTime{Duration::max()}; }

  [[nodiscard]] constexpr Duration since_start() const { return since_start_; }

  friend constexpr auto operator<=>(SimTime, SimTime) = default;
  constexpr SimTime& operator+=(Duration d) {
    since_start_ += d;
    return *this;
  }
  friend constexpr SimTime operator+(SimTime t, Duration d) { return SimTime{t.since_start_ + d}; }
  friend constexpr Duration operator-(SimTime a, SimTime b) {
    return a.since_start_ - b.since_start_;
  }

 private:
  constexpr explicit SimTime(Duration d) : since_start_(d) {}
  Duration since_start_;
};

}  // namespace tessera
