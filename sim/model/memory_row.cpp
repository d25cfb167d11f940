#include "tessera/model/memory_row.hpp"

#include <array>
#include <cctype>
#include <cstdio>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

bool in_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
}

}  // namespace

FormulaSymbols& FormulaSymbols::set(const std::string& symbol, std::int64_t value) {
  values_[symbol] = value;
  return *this;
}

std::string FormulaSymbols::with_numbers(std::string_view formula) const {
  std::string numbers;
  for (std::size_t at = 0; at < formula.size();) {
    std::size_t end = at + 1;
    while (in_word(formula[at]) && end < formula.size() && in_word(formula[end])) {
      ++end;
    }
    const std::string_view word = formula.substr(at, end - at);
    const auto known = values_.find(word);
    numbers += known == values_.end() ? std::string(word) : std::to_string(known->second);
    at = end;
  }
  return std::string(formula) + " = " + numbers;
}

std::int64_t FormulaSymbols::value_of(const std::string& symbol) const {
  const auto known = values_.find(symbol);
  TESSERA_INVARIANT(known != values_.end(), "a formula's symbols have values");
  return known->second;
}

MemoryRow ratio_row(std::string item, const FormulaSymbols& symbols, const std::string& part,
                    const std::string& whole) {
  const auto divisor = static_cast<double>(symbols.value_of(whole));
  const double ratio = static_cast<double>(symbols.value_of(part)) / divisor;
  std::array<char, 400> text{};
  std::snprintf(text.data(), text.size(), "%.3f", ratio);
  return {std::move(item), symbols.with_numbers(part + "/" + whole) + " = " + text.data(),
          std::nullopt};
}

}  // namespace tessera
