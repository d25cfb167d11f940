// Entries a block, and the divisions by it: nearly always it is a power of two, by which a shift
// divides in a tenth of the time.
#pragma once

#include <bit>
#include <cstdint>

namespace tessera {

class BlockSize {
 public:
  // Precondition: entries > 0.
  explicit BlockSize(std::int64_t entries)
      : entries_(entries),
        is_power_of_two_(std::has_single_bit(static_cast<std::uint64_t>(entries))),
        shift_(std::countr_zero(static_cast<std::uint64_t>(entries))) {}

  [[nodiscard]] std::int64_t entries() const { return entries_; }
  // That hold so many entries. Precondition: entries >= 0.
  [[nodiscard]] std::int64_t blocks_of(std::int64_t entries) const {
    const std::int64_t above = entries + entries_ - 1;
    return is_power_of_two_ ? above >> shift_ : above / entries_;
  }
  // From 0 to the last entry of a block, also of a negative number.
  [[nodiscard]] std::int64_t modulo(std::int64_t number) const {
    if (is_power_of_two_) {
      return number & (entries_ - 1);
    }
    const std::int64_t rest = number % entries_;
    return rest < 0 ? rest + entries_ : rest;
  }

 private:
  std::int64_t entries_;
  bool is_power_of_two_;
  int shift_;
};

}  // namespace tessera
