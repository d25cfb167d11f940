#include "sim/memory/cell_map.hpp"

#include <algorithm>
#include <bit>

#include "tessera/core/contract.hpp"

namespace tessera {

CellMap::CellMap(std::int64_t size) : size_(size) {
  TESSERA_INVARIANT(size >= 0 && size < (std::int64_t{1} << 31), "cells are counted in 31 bits");
  width_ = static_cast<std::int64_t>(
      std::bit_ceil(static_cast<std::uint64_t>(std::max(size, std::int64_t{1}))));
  nodes_.resize(static_cast<std::size_t>(2 * width_));
  for (std::int64_t cell = 0; cell < size; ++cell) {
    nodes_[static_cast<std::size_t>(width_ + cell)] = {1, 1, 1};
  }
  std::int64_t half = 1;
  for (std::int64_t level = width_ / 2; level >= 1; level /= 2, half *= 2) {
    for (std::int64_t node = level; node < 2 * level; ++node) {
      update(static_cast<std::size_t>(node), half);
    }
  }
}

void CellMap::update(std::size_t node, std::int64_t half) {
  const Node& left = nodes_[2 * node];
  const Node& right = nodes_[2 * node + 1];
  const auto whole = static_cast<std::int32_t>(half);
  nodes_[node] = {.at_start = left.at_start == whole ? whole + right.at_start : left.at_start,
                  .at_end = right.at_end == whole ? whole + left.at_end : right.at_end,
                  .longest = std::max({left.longest, right.longest, left.at_end + right.at_start})};
}

void CellMap::set(Cell cell, bool used) {
  TESSERA_INVARIANT(cell >= 0 && cell < size_ && is_used(cell) != used,
                    "a free cell is taken, a used one given back");
  auto node = static_cast<std::size_t>(width_ + cell);
  const std::int32_t free = used ? 0 : 1;
  nodes_[node] = {free, free, free};
  num_used_ += used ? 1 : -1;
  std::int64_t half = 1;
  for (node /= 2; node >= 1; node /= 2, half *= 2) {
    update(node, half);
  }
}

bool CellMap::is_used(Cell cell) const {
  return nodes_[static_cast<std::size_t>(width_ + cell)].longest == 0;
}

std::int64_t CellMap::longest_free() const {
  return nodes_[1].longest;
}

CellMap::Cell CellMap::end_of_used() const {
  return last_used_before(size_).value_or(-1) + 1;
}

std::optional<CellMap::Cell> CellMap::first_run(Cell from, std::int64_t count) const {
  Search search{from, count, 0};
  return first_run(1, 0, width_, search);
}

// Cells [begin, begin + width) of `node`; `search.open` is what comes before them.
std::optional<CellMap::Cell> CellMap::first_run(std::size_t node, Cell begin, std::int64_t width,
                                                Search& search) const {
  if (begin + width <= search.from) {
    return std::nullopt;
  }
  const Node& here = nodes_[node];
  const bool is_whole = begin >= search.from;
  if (is_whole && search.open + here.at_start >= search.count) {
    return begin - search.open;
  }
  if (is_whole && here.longest < search.count) {
    search.open = here.longest == width ? search.open + width : here.at_end;
    return std::nullopt;
  }
  if (width == 1) {
    return std::nullopt;
  }
  const std::int64_t half = width / 2;
  const std::optional<Cell> left = first_run(2 * node, begin, half, search);
  return left ? left : first_run(2 * node + 1, begin + half, half, search);
}

std::optional<CellMap::Cell> CellMap::first_used(Cell from) const {
  auto node = static_cast<std::size_t>(width_ + from);
  std::int64_t width = 1;
  if (from >= size_) {
    return std::nullopt;
  }
  // Up, until something to the right is used; then down to its first used cell.
  while (nodes_[node].longest == width) {
    while (node % 2 == 1) {
      node /= 2;
      width *= 2;
      if (node <= 1) {
        return std::nullopt;
      }
    }
    ++node;
  }
  while (width > 1) {
    width /= 2;
    node = nodes_[2 * node].longest == width ? 2 * node + 1 : 2 * node;
  }
  const Cell found = static_cast<Cell>(node) - width_;
  return found < size_ ? std::optional(found) : std::nullopt;
}

std::optional<CellMap::Cell> CellMap::last_used_before(Cell end) const {
  if (end <= 0) {
    return std::nullopt;
  }
  auto node = static_cast<std::size_t>(width_ + end - 1);
  std::int64_t width = 1;
  while (nodes_[node].longest == width) {
    while (node % 2 == 0) {
      node /= 2;
      width *= 2;
    }
    if (node <= 1) {
      return std::nullopt;
    }
    --node;
  }
  while (width > 1) {
    width /= 2;
    node = nodes_[2 * node + 1].longest == width ? 2 * node : 2 * node + 1;
  }
  return static_cast<Cell>(node) - width_;
}

}  // namespace tessera
