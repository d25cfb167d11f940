// What a function of a count gave, for counts that come back.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "sim/cost/step_parts.hpp"

namespace tessera {

class CountMemo {
 public:
  // Nothing is remembered from there on: that keeps the memory of a model small.
  static constexpr std::uint64_t limit = 1 << 16;

  // What is remembered of `count`; null where that is nothing. Good until the next call of get().
  [[nodiscard]] const ShortParts* find(std::int64_t count) const {
    if (static_cast<std::uint64_t>(count) >= limit) {
      return nullptr;
    }
    const auto index = static_cast<std::size_t>(count);
    const Page* const page = pages_[index / page_size].get();
    if (page == nullptr) {
      return nullptr;
    }
    const std::optional<ShortParts>& entry = (*page)[index % page_size];
    return entry ? &*entry : nullptr;
  }
  // What `work_out` gives for it, which is then remembered if it is short.
  template <class Function>
  StepTime get(std::int64_t count, Function work_out) {
    if (const ShortParts* const known = find(count)) {
      return known->time();
    }
    const StepTime time = work_out();
    const std::optional<ShortParts> parts = short_parts(time);
    if (parts && static_cast<std::uint64_t>(count) < limit) {
      const auto index = static_cast<std::size_t>(count);
      std::unique_ptr<Page>& page = pages_[index / page_size];
      if (!page) {
        page = std::make_unique<Page>();
      }
      (*page)[index % page_size] = parts;
    }
    return time;
  }

 private:
  // Pages, so that a few large counts do not cost the memory of all smaller ones.
  static constexpr std::size_t page_size = 64;
  using Page = std::array<std::optional<ShortParts>, page_size>;
  std::array<std::unique_ptr<Page>, limit / page_size> pages_;
};

}  // namespace tessera
