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
  // The lowest run of at least `size` loses its first `size` units. As it was; nothing if there is
  // none.
  [[nodiscard]] std::optional<Extent> take_front(Units size) {
    if (greatest() < size) {
      return std::nullopt;
    }
    path_.clear();
    Index at = root_;
    while (greatest_below(nodes_[at].left) >= size || nodes_[at].run.size < size) {
      path_.push_back(at);
      const Node& node = nodes_[at];
      at = greatest_below(node.left) >= size ? node.left : node.right;
    }
    const Extent run = nodes_[at].run;
    if (run.size == size) {
      remove(at);
    } else {
      nodes_[at].run = {run.offset + size, run.size - size};
      path_.push_back(at);
      refresh(path_.size());
    }
    return run;
  }

  // What a piece that comes back meets on both sides.
  struct Neighbours {
    std::optional<Extent> before;
    std::optional<Extent> after;
    [[nodiscard]] bool joins_before(Extent piece) const {
      return before && before->offset + before->size == piece.offset;
    }
    [[nodiscard]] bool joins_after(Extent piece) const {
      return after && after->offset == piece.offset + piece.size;
    }
  };

  // Adds a piece, joined with the runs that it touches. The runs beside it, as they were.
  // Precondition: it meets no run.
  Neighbours add(Extent piece) {
    const Place place = place_of(piece.offset);
    Neighbours beside;
    if (place.before) {
      beside.before = nodes_[path_[*place.before]].run;
    }
    if (place.after) {
      beside.after = nodes_[path_[*place.after]].run;
    }
    TESSERA_INVARIANT(
        (!beside.before || beside.before->offset + beside.before->size <= piece.offset) &&
            (!beside.after || beside.after->offset >= piece.offset + piece.size),
        "a piece is freed once");
    const bool joins_after = beside.joins_after(piece);
    const Units with_after = joins_after ? piece.size + beside.after->size : piece.size;
    if (beside.joins_before(piece)) {
      nodes_[path_[*place.before]].run.size += with_after;
      refresh(*place.before + 1);
      if (joins_after) {
        const Index gone = path_[*place.after];
        path_.resize(*place.after);
        remove(gone);
      }
    } else if (joins_after) {
      nodes_[path_[*place.after]].run = {piece.offset, with_after};
      refresh(*place.after + 1);
    } else {
      insert(piece);
    }
    return beside;
  }

  [[nodiscard]] Units greatest() const { return greatest_below(root_); }

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
    Index left = none;
    Index right = none;
    std::uint32_t priority = 0;
  };

  struct Halves {
    Index left;
    Index right;
  };

  // Where on the path the neighbours of an offset are.
  struct Place {
    std::optional<std::size_t> before;
    std::optional<std::size_t> after;
  };

  // Leaves in path_ the way from the root to where a run at `offset` would hang.
  Place place_of(Units offset) {
    path_.clear();
    Place place;
    for (Index at = root_; at != none;) {
      const bool is_before = nodes_[at].run.offset < offset;
      (is_before ? place.before : place.after) = path_.size();
      path_.push_back(at);
      at = is_before ? nodes_[at].right : nodes_[at].left;
    }
    return place;
  }

  // Recounts the first `depth` nodes of the path from the last one up, as far as anything changes.
  void refresh(std::size_t depth) {
    while (depth > 0) {
      Node& node = nodes_[path_[--depth]];
      const Units before = node.greatest;
      update(path_[depth]);
      if (node.greatest == before) {
        return;
      }
    }
  }

  // Puts `fresh` where `old` hangs below the last node of the path.
  void hang(Index fresh, Index old) {
    if (path_.empty()) {
      root_ = fresh;
    } else {
      Node& parent = nodes_[path_.back()];
      (parent.left == old ? parent.left : parent.right) = fresh;
    }
    refresh(path_.size());
  }

  // Precondition: the path leads to its parent.
  void remove(Index at) {
    hang(join(nodes_[at].left, nodes_[at].right), at);
    unused_.push_back(at);
  }

  // Precondition: the path leads to where the run belongs.
  void insert(Extent run) {
    const Index fresh = take_node(run);
    std::size_t depth = 0;
    while (depth < path_.size() && nodes_[path_[depth]].priority > nodes_[fresh].priority) {
      ++depth;
    }
    if (depth == path_.size()) {
      hang_leaf(fresh);
      return;
    }
    const Index below = path_[depth];
    path_.resize(depth);
    const auto [left, right] = split(below, run.offset);
    nodes_[fresh].left = left;
    nodes_[fresh].right = right;
    update(fresh);
    hang(fresh, below);
  }

  void hang_leaf(Index fresh) {
    if (path_.empty()) {
      root_ = fresh;
      return;
    }
    Node& parent = nodes_[path_.back()];
    const bool is_left = nodes_[fresh].run.offset < parent.run.offset;
    (is_left ? parent.left : parent.right) = fresh;
    refresh(path_.size());
  }

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
      nodes_.emplace_back();
      nodes_[at].priority = static_cast<std::uint32_t>(scattered(at));
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
  std::vector<Index> path_;  // from the root to what is worked on; kept for its memory
  Index root_ = none;
};

class FirstFit final : public PlacementAllocator {
 public:
  FirstFit(Units units, Units quantum) : units_(units), totals_(quantum) {
    if (units > Units{0}) {
      runs_.add({Units{0}, units});
      totals_.add(units);
    }
  }

  std::optional<Extent> allocate(Units size) override {
    TESSERA_INVARIANT(size > Units{0}, "a request is for at least one unit");
    const std::optional<Extent> run = runs_.take_front(size);
    if (!run) {
      return std::nullopt;
    }
    totals_.remove(run->size);
    if (run->size > size) {
      totals_.add(run->size - size);
    }
    return Extent{run->offset, size};
  }

  void deallocate(Extent extent) override {
    TESSERA_INVARIANT(extent.size > Units{0} && extent.offset >= Units{0} &&
                          extent.offset + extent.size <= units_,
                      "a piece lies in the arena");
    const RunTree::Neighbours beside = runs_.add(extent);
    Units run = extent.size;
    if (beside.joins_before(extent)) {
      totals_.remove(beside.before->size);
      run += beside.before->size;
    }
    if (beside.joins_after(extent)) {
      totals_.remove(beside.after->size);
      run += beside.after->size;
    }
    totals_.add(run);
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
