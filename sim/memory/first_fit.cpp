// First fit: the free run of the lowest address that holds the request, which takes its lower end.
// A piece freed joins its free neighbours at once.
//
// The runs are a treap (Seidel and Aragon, "Randomized Search Trees", 1996) ordered by address, in
// which every node knows the greatest run below it: the search goes left wherever something on the
// left is large enough. The heap order's priorities are a hash of the node's number, so that equal
// programs build equal trees.
#include <limits>
#include <vector>

#include "sim/memory/placements.hpp"
#include "sim/memory/run_totals.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

class RunTree {
 public:
  // The lowest run of at least `size`; nothing if there is none.
  [[nodiscard]] std::optional<Extent> first_of(Units size) const {
    if (greatest() < size) {
      return std::nullopt;
    }
    Index at = root_;
    while (true) {
      const Node& node = nodes_[at];
      if (greatest_below(node.left) >= size) {
        at = node.left;
      } else if (node.run.size >= size) {
        return node.run;
      } else {
        at = node.right;
      }
    }
  }

  // The last run that begins before `offset`, and the first that does not.
  [[nodiscard]] std::optional<Extent> before(Units offset) const {
    std::optional<Extent> found;
    for (Index at = root_; at != none;) {
      const Node& node = nodes_[at];
      if (node.run.offset < offset) {
        found = node.run;
        at = node.right;
      } else {
        at = node.left;
      }
    }
    return found;
  }
  [[nodiscard]] std::optional<Extent> not_before(Units offset) const {
    std::optional<Extent> found;
    for (Index at = root_; at != none;) {
      const Node& node = nodes_[at];
      if (node.run.offset >= offset) {
        found = node.run;
        at = node.left;
      } else {
        at = node.right;
      }
    }
    return found;
  }

  [[nodiscard]] Units greatest() const { return greatest_below(root_); }

  void insert(Extent run) {
    const Index fresh = take_node(run);
    const auto [left, right] = split(root_, run.offset);
    root_ = join(join(left, fresh), right);
  }

  // Precondition: a run begins at `offset`.
  void erase(Units offset) {
    const auto [left, rest] = split(root_, offset);
    const auto [run, right] = split(rest, offset + Units{1});
    TESSERA_INVARIANT(run != none && nodes_[run].left == none && nodes_[run].right == none,
                      "a free run begins where one is erased");
    unused_.push_back(run);
    root_ = join(left, right);
  }

  // The run at `offset` becomes `run`, which lies between the same neighbours.
  void replace(Units offset, Extent run) {
    path_.clear();
    Index at = root_;
    while (at != none && nodes_[at].run.offset != offset) {
      path_.push_back(at);
      at = offset < nodes_[at].run.offset ? nodes_[at].left : nodes_[at].right;
    }
    TESSERA_INVARIANT(at != none, "a free run begins where one is replaced");
    nodes_[at].run = run;
    update(at);
    while (!path_.empty()) {
      update(path_.back());
      path_.pop_back();
    }
  }

  [[nodiscard]] std::vector<Extent> in_order() const {
    std::vector<Extent> runs;
    std::vector<Index> open;
    Index at = root_;
    while (at != none || !open.empty()) {
      while (at != none) {
        open.push_back(at);
        at = nodes_[at].left;
      }
      at = open.back();
      open.pop_back();
      runs.push_back(nodes_[at].run);
      at = nodes_[at].right;
    }
    return runs;
  }

 private:
  using Index = std::uint32_t;
  static constexpr Index none = std::numeric_limits<Index>::max();

  struct Node {
    Extent run;
    Units greatest;  // run of the subtree
    std::uint64_t priority = 0;
    Index left = none;
    Index right = none;
  };

  struct Halves {
    Index left;
    Index right;
  };

  [[nodiscard]] Units greatest_below(Index at) const {
    return at == none ? Units{0} : nodes_[at].greatest;
  }

  void update(Index at) {
    Node& node = nodes_[at];
    node.greatest =
        std::max(node.run.size, std::max(greatest_below(node.left), greatest_below(node.right)));
  }

  Index take_node(Extent run) {
    Index at = 0;
    if (unused_.empty()) {
      at = static_cast<Index>(nodes_.size());
      nodes_.push_back({.run = {}, .greatest = {}, .priority = scattered(at)});
    } else {
      at = unused_.back();
      unused_.pop_back();
      nodes_[at].left = none;
      nodes_[at].right = none;
    }
    nodes_[at].run = run;
    nodes_[at].greatest = run.size;
    return at;
  }

  // A bijection of 64-bit numbers that leaves no order (the finaliser of SplitMix64, Steele, Lea
  // and Flood 2014).
  [[nodiscard]] static std::uint64_t scattered(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15U;
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31U);
  }

  // The runs that begin before `offset`, and the rest.
  Halves split(Index at, Units offset) {
    if (at == none) {
      return {none, none};
    }
    if (nodes_[at].run.offset < offset) {
      const auto [left, right] = split(nodes_[at].right, offset);
      nodes_[at].right = left;
      update(at);
      return {at, right};
    }
    const auto [left, right] = split(nodes_[at].left, offset);
    nodes_[at].left = right;
    update(at);
    return {left, at};
  }

  // One tree of two. Precondition: all of `left` lies before all of `right`.
  Index join(Index left, Index right) {
    if (left == none || right == none) {
      return left == none ? right : left;
    }
    if (nodes_[left].priority > nodes_[right].priority) {
      nodes_[left].right = join(nodes_[left].right, right);
      update(left);
      return left;
    }
    nodes_[right].left = join(left, nodes_[right].left);
    update(right);
    return right;
  }

  std::vector<Node> nodes_;
  std::vector<Index> unused_;
  std::vector<Index> path_;  // of replace(), kept for its memory
  Index root_ = none;
};

class FirstFit final : public PlacementAllocator {
 public:
  FirstFit(Units units, Units quantum) : units_(units), totals_(quantum) {
    if (units > Units{0}) {
      runs_.insert({Units{0}, units});
      totals_.add(units);
    }
  }

  std::optional<Extent> allocate(Units size) override {
    TESSERA_INVARIANT(size > Units{0}, "a request is for at least one unit");
    const std::optional<Extent> run = runs_.first_of(size);
    if (!run) {
      return std::nullopt;
    }
    totals_.remove(run->size);
    if (run->size == size) {
      runs_.erase(run->offset);
    } else {
      runs_.replace(run->offset, {run->offset + size, run->size - size});
      totals_.add(run->size - size);
    }
    return Extent{run->offset, size};
  }

  void deallocate(Extent extent) override {
    const Units end = extent.offset + extent.size;
    TESSERA_INVARIANT(extent.size > Units{0} && extent.offset >= Units{0} && end <= units_,
                      "a piece lies in the arena");
    const std::optional<Extent> before = runs_.before(extent.offset);
    const std::optional<Extent> after = runs_.not_before(extent.offset);
    TESSERA_INVARIANT((!before || before->offset + before->size <= extent.offset) &&
                          (!after || after->offset >= end),
                      "a piece is freed once");
    const bool joins_before = before && before->offset + before->size == extent.offset;
    const bool joins_after = after && after->offset == end;
    Extent run = extent;
    if (joins_before) {
      totals_.remove(before->size);
      run = {before->offset, before->size + run.size};
    }
    if (joins_after) {
      totals_.remove(after->size);
      run.size += after->size;
    }
    totals_.add(run.size);
    if (joins_before && joins_after) {
      runs_.erase(after->offset);
    }
    if (joins_before) {
      runs_.replace(before->offset, run);
    } else if (joins_after) {
      runs_.replace(after->offset, run);
    } else {
      runs_.insert(run);
    }
  }

  [[nodiscard]] Units granted(Units size) const override { return size; }
  [[nodiscard]] Units total() const override { return units_; }
  [[nodiscard]] Units free() const override { return totals_.free(); }
  [[nodiscard]] Units largest_free() const override { return runs_.greatest(); }
  [[nodiscard]] Units remainders() const override { return totals_.remainders(); }
  [[nodiscard]] std::vector<Extent> free_runs() const override { return runs_.in_order(); }

  void audit() const override {
    const std::vector<Extent> runs = runs_.in_order();
    totals_.audit(runs, units_);
    Units greatest{0};
    Units end{-1};
    for (const Extent& run : runs) {
      TESSERA_INVARIANT(run.offset != end, "neighbouring free runs are one");
      end = run.offset + run.size;
      greatest = std::max(greatest, run.size);
    }
    TESSERA_INVARIANT(greatest == runs_.greatest(), "the tree knows its greatest run");
  }

 private:
  Units units_;
  RunTotals totals_;
  RunTree runs_;
};

}  // namespace

std::unique_ptr<PlacementAllocator> make_first_fit(Units units, Units quantum) {
  return std::make_unique<FirstFit>(units, quantum);
}

}  // namespace tessera
