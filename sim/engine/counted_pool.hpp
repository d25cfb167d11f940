// The blocks of a paged pool, counted: what is decided depends on how many are free, and not on
// which those are.
#pragma once

#include <algorithm>
#include <cstdint>

#include "sim/engine/block_size.hpp"
#include "tessera/core/quantity.hpp"
#include "tessera/memory/paged_pool.hpp"

namespace tessera {

class CountedPool {
 public:
  CountedPool(const PagedPool& pool, const BlockSize& block_size)
      : block_(pool.block),
        block_size_(block_size),
        usable_(pool.usable.count()),
        watermark_(pool.watermark.count()),
        free_(usable_) {}

  // Precondition: there are so many.
  void take(std::int64_t blocks) { free_ -= blocks; }
  void give_back(std::int64_t blocks) { free_ += blocks; }

  [[nodiscard]] std::int64_t free() const { return free_; }
  // That admissions leave free.
  [[nodiscard]] std::int64_t watermark() const { return watermark_; }
  // That a span may take without touching the watermark's, so that those stay as many as they are.
  [[nodiscard]] std::int64_t spare() const { return std::max(free_ - watermark_, std::int64_t{0}); }
  // Of the watermark's, in use.
  [[nodiscard]] std::int64_t unguarded() const {
    return std::max(std::min(watermark_, usable_) - free_, std::int64_t{0});
  }

  [[nodiscard]] const BlockSize& block_size() const { return block_size_; }
  [[nodiscard]] std::int64_t blocks_of(std::int64_t entries) const {
    return block_size_.blocks_of(entries);
  }
  [[nodiscard]] Bytes block() const { return block_; }
  [[nodiscard]] Bytes reserved() const { return reserved_where(free_); }
  // While so many are free.
  [[nodiscard]] Bytes reserved_where(std::int64_t free) const { return block_ * (usable_ - free); }

 private:
  Bytes block_;
  BlockSize block_size_;
  std::int64_t usable_;  // blocks, as the rest
  std::int64_t watermark_;
  std::int64_t free_;
};

}  // namespace tessera
