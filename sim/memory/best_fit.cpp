// Best fit: the smallest free run that holds the request, the lowest address among equals; the
// request takes its lower end. A piece freed joins its free neighbours at once.
#include <boost/intrusive/set.hpp>
#include <deque>
#include <iterator>
#include <vector>

#include "sim/memory/placements.hpp"
#include "sim/memory/run_totals.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

namespace bi = boost::intrusive;

struct BySize;
struct ByOffset;

// A free run, in both orders. A run that shrinks or grows keeps its place among the offsets.
struct Run : bi::set_base_hook<bi::optimize_size<true>, bi::tag<BySize>>,
             bi::set_base_hook<bi::optimize_size<true>, bi::tag<ByOffset>> {
  Units offset{0};
  Units size{0};
  [[nodiscard]] Units end() const { return offset + size; }
};

struct SizeThenOffset {
  bool operator()(const Run& a, const Run& b) const {
    return a.size != b.size ? a.size < b.size : a.offset < b.offset;
  }
};
struct SizeBelow {
  bool operator()(const Run& a, Units size) const { return a.size < size; }
  bool operator()(Units size, const Run& a) const { return size < a.size; }
};
struct OffsetBelow {
  bool operator()(const Run& a, const Run& b) const { return a.offset < b.offset; }
  bool operator()(const Run& a, Units offset) const { return a.offset < offset; }
  bool operator()(Units offset, const Run& a) const { return offset < a.offset; }
};

class BestFit final : public PlacementAllocator {
 public:
  BestFit(Units units, Units quantum) : units_(units), totals_(quantum) {
    if (units > Units{0}) {
      add(new_run(Units{0}, units), by_offset_.end());
    }
  }

  std::optional<Extent> allocate(Units size) override {
    TESSERA_INVARIANT(size > Units{0}, "a request is for at least one unit");
    const auto found = by_size_.lower_bound(size, SizeBelow{});
    if (found == by_size_.end()) {
      return std::nullopt;
    }
    Run& run = *found;
    const Extent piece{run.offset, size};
    if (run.size == size) {
      drop(run);
    } else {
      resize(run, run.offset + size, run.size - size);
    }
    return piece;
  }

  void deallocate(Extent extent) override {
    const Units begin = extent.offset;
    const Units end = extent.offset + extent.size;
    TESSERA_INVARIANT(extent.size > Units{0} && begin >= Units{0} && end <= units_,
                      "a piece lies in the arena");
    const auto next = by_offset_.lower_bound(begin, OffsetBelow{});
    Run* after = next != by_offset_.end() ? &*next : nullptr;
    Run* before = next != by_offset_.begin() ? &*std::prev(next) : nullptr;
    TESSERA_INVARIANT(
        (after == nullptr || after->offset >= end) && (before == nullptr || before->end() <= begin),
        "a piece is freed once");
    const bool joins_after = after != nullptr && after->offset == end;
    const bool joins_before = before != nullptr && before->end() == begin;
    if (joins_before && joins_after) {
      const Units whole = before->size + extent.size + after->size;
      drop(*after);
      resize(*before, before->offset, whole);
    } else if (joins_before) {
      resize(*before, before->offset, before->size + extent.size);
    } else if (joins_after) {
      resize(*after, begin, after->size + extent.size);
    } else {
      add(new_run(begin, extent.size), next);
    }
  }

  [[nodiscard]] Units granted(Units size) const override { return size; }
  [[nodiscard]] Units total() const override { return units_; }
  [[nodiscard]] Units free() const override { return totals_.free(); }
  [[nodiscard]] Units largest_free() const override {
    return by_size_.empty() ? Units{0} : by_size_.rbegin()->size;
  }
  [[nodiscard]] Units remainders() const override { return totals_.remainders(); }

  [[nodiscard]] std::vector<Extent> free_runs() const override {
    std::vector<Extent> runs;
    for (const Run& run : by_offset_) {
      runs.push_back({run.offset, run.size});
    }
    return runs;
  }

  void audit() const override {
    totals_.audit(free_runs(), units_);
    TESSERA_INVARIANT(by_size_.size() == by_offset_.size(), "a free run is in both orders");
    Units end{-1};
    for (const Run& run : by_offset_) {
      TESSERA_INVARIANT(run.offset > end, "neighbouring free runs are one");
      TESSERA_INVARIANT(by_size_.count(run) == 1, "a free run is in both orders");
      end = run.end();
    }
  }

 private:
  using InSizes =
      bi::set<Run, bi::base_hook<bi::set_base_hook<bi::optimize_size<true>, bi::tag<BySize>>>,
              bi::compare<SizeThenOffset>, bi::constant_time_size<false>>;
  using InOffsets =
      bi::set<Run, bi::base_hook<bi::set_base_hook<bi::optimize_size<true>, bi::tag<ByOffset>>>,
              bi::compare<OffsetBelow>, bi::constant_time_size<false>>;

  Run& new_run(Units offset, Units size) {
    Run* run = nullptr;
    if (unused_.empty()) {
      run = &runs_.emplace_back();
    } else {
      run = unused_.back();
      unused_.pop_back();
    }
    run->offset = offset;
    run->size = size;
    return *run;
  }
  // Precondition: the run lies before `next`, and nothing between the two.
  void add(Run& run, InOffsets::iterator next) {
    by_offset_.insert_before(next, run);
    by_size_.insert(run);
    totals_.add(run.size);
  }
  void drop(Run& run) {
    by_size_.erase(by_size_.iterator_to(run));
    by_offset_.erase(by_offset_.iterator_to(run));
    totals_.remove(run.size);
    unused_.push_back(&run);
  }
  // Precondition: the run stays between its neighbours.
  void resize(Run& run, Units offset, Units size) {
    by_size_.erase(by_size_.iterator_to(run));
    totals_.remove(run.size);
    run.offset = offset;
    run.size = size;
    by_size_.insert(run);
    totals_.add(size);
  }

  Units units_;
  RunTotals totals_;
  std::deque<Run> runs_;
  std::vector<Run*> unused_;
  InSizes by_size_;
  InOffsets by_offset_;
};

}  // namespace

std::unique_ptr<PlacementAllocator> make_best_fit(Units units, Units quantum) {
  return std::make_unique<BestFit>(units, quantum);
}

}  // namespace tessera
