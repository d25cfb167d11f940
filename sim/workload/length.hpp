// Draws the length of a prompt or of an output.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

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

  // A draw, clamped; counts in `clamped` where that changed it.
  [[nodiscard]] Tokens draw(RandomStream& stream, std::int64_t& clamped) const {
    const auto* const lognormal = std::get_if<Lognormal>(&law_);
    return clamp(lognormal != nullptr ? lognormal->draw(stream) : draw_other(stream), clamped);
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
  struct Fixed {
    std::int64_t tokens;
  };
  struct Uniform {
    std::int64_t min;
    std::int64_t max;
  };
  // What most generated workloads draw a million times.
  struct Lognormal {
    double median;
    double sigma;

    [[nodiscard]] std::int64_t draw(RandomStream& stream) const {
      return rounded(median * std::exp(sigma * draw_normal(stream)));
    }
  };
  struct Empirical {
    std::vector<std::int64_t> lengths;  // a row each, not yet clamped
  };

  [[nodiscard]] std::int64_t draw_other(RandomStream& stream) const;
  [[nodiscard]] Tokens clamp(std::int64_t length, std::int64_t& clamped) const {
    const std::int64_t inside = std::clamp(length, min_, max_);
    clamped += inside != length ? 1 : 0;
    return Tokens{inside};
  }

  std::variant<Fixed, Uniform, Lognormal, Zipf, Empirical> law_;
  std::int64_t min_ = 1;
  std::int64_t max_ = 1'000'000'000;
};

}  // namespace tessera
