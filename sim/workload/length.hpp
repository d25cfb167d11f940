// Draws the length of a prompt or of an output.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "sim/workload/uniform.hpp"
#include "sim/workload/ziggurat.hpp"
#include "sim/workload/zipf.hpp"
#include "tessera/core/quantity.hpp"
#include "tessera/core/random.hpp"
#include "tessera/workload/workload_specs.hpp"

namespace tessera {

class Length {
 public:
  // `name` ("prompt_tokens") is for messages. Throws BadInput for a range that is empty and for a
  // bad file, UnreadableFile for a missing one.
  Length(const LengthSpec& spec, const std::string& name, const std::string& directory);

  // Draws, not yet clamped.
  using Draws = std::array<std::int64_t, 64>;
  void draw(RandomStream& stream, Draws& lengths) const;
  // Inside min..max; counts in `clamped` where that changed it.
  [[nodiscard]] Tokens clamp(std::int64_t length, std::int64_t& clamped) const {
    if (static_cast<std::uint64_t>(length - min_) <= range_) [[likely]] {
      return Tokens{length};
    }
    ++clamped;
    return Tokens{std::clamp(length, min_, max_)};
  }

  // To the nearest whole number. What is far beyond every length stays beyond it, and
  // representable.
  [[nodiscard]] static std::int64_t rounded(double length) {
    return std::llrint(std::min(length, 1e18));
  }

  // For a joint draw: how many rows an empirical length has (0 for others), and the length in one.
  [[nodiscard]] std::int64_t num_rows() const;
  [[nodiscard]] Tokens in_row(std::int64_t row, std::int64_t& clamped) const;

 private:
  // Laws. All but the lognormal one, whose draws are made together, make one draw at a time.
  struct Fixed {
    std::int64_t tokens;
    std::int64_t operator()(RandomStream& /*stream*/) const { return tokens; }
  };
  struct Uniform {
    std::int64_t min;
    std::int64_t max;
    std::int64_t operator()(RandomStream& stream) const { return draw_between(stream, min, max); }
  };
  struct Lognormal {
    double median;
    double sigma;
  };
  struct Empirical {
    std::vector<std::int64_t> lengths;  // a row each, not yet clamped
    std::int64_t operator()(RandomStream& stream) const {
      const auto last = static_cast<std::int64_t>(lengths.size()) - 1;
      return lengths[static_cast<std::size_t>(draw_between(stream, 0, last))];
    }
  };

  static void draw(const Lognormal& law, RandomStream& stream, Draws& lengths);
  template <class Law>
  static void draw(const Law& law, RandomStream& stream, Draws& lengths) {
    std::generate(lengths.begin(), lengths.end(), [&] { return law(stream); });
  }

  std::variant<Fixed, Uniform, Lognormal, Zipf, Empirical> law_;
  std::int64_t min_ = 1;
  std::int64_t max_ = 1'000'000'000;
  std::uint64_t range_;  // from min to max
};

// The draws of a length from the stream that is named as it is. They are made some at a time, ahead
// of those who ask: the law is looked at once, and the stream stays in registers.
class LengthDraws {
 public:
  // As of Length.
  LengthDraws(const LengthSpec& spec, std::uint64_t seed, const std::string& name,
              const std::string& directory)
      : law_(spec, name, directory), stream_(seed, name) {}

  [[nodiscard]] const Length& law() const { return law_; }
  // The next draw, clamped; counts in `clamped` where that changed it.
  [[nodiscard]] Tokens next(std::int64_t& clamped) {
    if (next_ == ahead_.size()) {
      law_.draw(stream_, ahead_);
      next_ = 0;
    }
    return law_.clamp(ahead_[next_++], clamped);
  }

 private:
  Length law_;
  RandomStream stream_;
  Length::Draws ahead_{};
  std::size_t next_ = ahead_.size();
};

}  // namespace tessera
