// Decimal numbers as people write them in a scenario, read exactly.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "tessera/core/time.hpp"

namespace tessera {

// ±digits · 10^exponent. The digits have no leading zeros ("" is 0).
struct Decimal {
  bool negative = false;
  std::string digits;
  int exponent = 0;
};

// The number that `text` starts with, and what follows it.
struct NumberPrefix {
  std::string_view number;
  std::string_view rest;
};

// -?digits(.digits)?([eE][+-]?digits)?, and nothing else: no '+', no hexadecimal, no '_', no '.5'.
[[nodiscard]] std::optional<NumberPrefix> number_prefix(std::string_view text);

// Whether the number is written with a zero that YAML 1.1 reads as octal: 010.
[[nodiscard]] bool has_leading_zero(std::string_view number);

// Precondition: `number` is a NumberPrefix::number. Nothing for an exponent beyond ±100,000.
[[nodiscard]] std::optional<Decimal> decimal_of(std::string_view number);

// The nearest double; infinite when there is none so large.
[[nodiscard]] double to_double(const Decimal& decimal);

enum class ExactFault { fraction, overflow };
struct ExactResult {
  Int128 value = 0;
  std::optional<ExactFault> fault;
};
// decimal · unit, which must be a whole number below 2^126. Precondition: unit > 0.
[[nodiscard]] ExactResult exact_product(const Decimal& decimal, Int128 unit);

}  // namespace tessera
