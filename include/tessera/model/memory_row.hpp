// One line of an account of memory: what, by which formula, how many bytes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/quantity.hpp"

namespace tessera {

struct MemoryRow {
  std::string item;            // "kv_peak"
  std::string formula;         // "4*b*l*h*(s+n) = 4*64*96*12288*(512+32)"
  std::optional<Bytes> bytes;  // nothing where the formula is a ratio
};

struct MemoryAccount {
  std::string title;
  std::vector<MemoryRow> rows;
};

// What the letters of formulas stand for. A formula is arithmetic in ASCII (* / ^ + -), so that a
// person can check it and a program can evaluate it.
class FormulaSymbols {
 public:
  FormulaSymbols& set(const std::string& symbol, std::int64_t value);
  // "l*12*h^2 = 32*12*4096^2": the formula, and the same with every known symbol's number.
  [[nodiscard]] std::string with_numbers(std::string_view formula) const;
  // Precondition: it was set.
  [[nodiscard]] std::int64_t value_of(const std::string& symbol) const;

 private:
  std::map<std::string, std::int64_t, std::less<>> values_;
};

// "part/whole = 3/8 = 0.375", without bytes. Precondition: both symbols are set, whole > 0.
[[nodiscard]] MemoryRow ratio_row(std::string item, const FormulaSymbols& symbols,
                                  const std::string& part, const std::string& whole);

}  // namespace tessera
