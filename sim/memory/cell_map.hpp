// Which of n cells are free, with the questions that llama.cpp asks of them, each in O(log n): a
// binary tree over the cells in which every node knows its longest free run and those at its ends.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace tessera {

class CellMap {
 public:
  using Cell = std::int64_t;

  // Precondition: 0 <= size < 2^31. All cells are free.
  explicit CellMap(std::int64_t size);

  [[nodiscard]] std::int64_t size() const { return size_; }
  [[nodiscard]] std::int64_t num_used() const { return num_used_; }
  [[nodiscard]] bool is_used(Cell cell) const;
  // Preconditions: the cell is free; it is used.
  void take(Cell cell) { set(cell, true); }
  void give_back(Cell cell) { set(cell, false); }

  // The longest run of free cells.
  [[nodiscard]] std::int64_t longest_free() const;
  // One beyond the last used cell; 0 when all are free.
  [[nodiscard]] Cell end_of_used() const;
  // The first cell, at `from` or after it, with which a run of `count` free cells begins.
  // Precondition: count > 0.
  [[nodiscard]] std::optional<Cell> first_run(Cell from, std::int64_t count) const;
  // The first used cell at `from` or after it.
  [[nodiscard]] std::optional<Cell> first_used(Cell from) const;
  // The last used cell before `end`.
  [[nodiscard]] std::optional<Cell> last_used_before(Cell end) const;

 private:
  // Of free cells.
  struct Node {
    std::int32_t at_start = 0;
    std::int32_t at_end = 0;
    std::int32_t longest = 0;
  };
  struct Search {
    Cell from = 0;
    std::int64_t count = 0;
    std::int64_t open = 0;  // free cells from `from` on that end where the search has come
  };

  void set(Cell cell, bool used);
  void update(std::size_t node, std::int64_t half);
  [[nodiscard]] std::optional<Cell> first_run(std::size_t node, Cell begin, std::int64_t width,
                                              Search& search) const;

  std::int64_t size_;
  std::int64_t width_ = 1;  // of the tree: a power of two; cells beyond `size` count as used
  std::int64_t num_used_ = 0;
  std::vector<Node> nodes_;  // the root is 1, the children of i are 2i and 2i + 1
};

}  // namespace tessera
