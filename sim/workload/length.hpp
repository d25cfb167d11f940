// Draws the length of a prompt or of an output.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

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
  [[nodiscard]] Tokens draw(RandomStream& stream, std::int64_t& clamped) const;

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
  struct Lognormal {
    double median;
    double sigma;
  };
  struct Empirical {
    std::vector<std::int64_t> lengths;  // a row each, not yet clamped
  };

  [[nodiscard]] Tokens clamp(std::int64_t length, std::int64_t& clamped) const;

  std::variant<Fixed, Uniform, Lognormal, Zipf, Empirical> law_;
  std::int64_t min_ = 1;
  std::int64_t max_ = 1'000'000'000;
};

}  // namespace tessera
