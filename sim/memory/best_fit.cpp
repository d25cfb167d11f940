// Best fit: the smallest free run that holds the request, the lowest address among equals; the
// request takes its lower end. A piece freed joins its free neighbours at once.
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "sim/memory/placements.hpp"
#include "sim/memory/run_totals.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

class BestFit final : public PlacementAllocator {
 public:
  BestFit(Units units, Units quantum) : units_(units), totals_(quantum) {
    if (units > Units{0}) {
      add(Units{0}, units);
    }
  }

  std::optional<Extent> allocate(Units size) override {
    TESSERA_INVARIANT(size > Units{0}, "a request is for at least one unit");
    const auto found = by_size_.lower_bound({size, Units{0}});
    if (found == by_size_.end()) {
      return std::nullopt;
    }
    const auto [run, offset] = *found;
    remove(by_offset_.find(offset));
    if (run > size) {
      add(offset + size, run - size);
    }
    return Extent{offset, size};
  }

  void deallocate(Extent extent) override {
    Units begin = extent.offset;
    Units end = extent.offset + extent.size;
    TESSERA_INVARIANT(extent.size > Units{0} && begin >= Units{0} && end <= units_,
                      "a piece lies in the arena");
    auto next = by_offset_.lower_bound(begin);
    TESSERA_INVARIANT(next == by_offset_.end() || next->first >= end, "a piece is freed once");
    if (next != by_offset_.begin()) {
      const auto previous = std::prev(next);
      const Units previous_end = previous->first + previous->second;
      TESSERA_INVARIANT(previous_end <= begin, "a piece is freed once");
      if (previous_end == begin) {
        begin = previous->first;
        remove(previous);
      }
    }
    if (next != by_offset_.end() && next->first == end) {
      end += next->second;
      remove(next);
    }
    add(begin, end - begin);
  }

  [[nodiscard]] Units granted(Units size) const override { return size; }
  [[nodiscard]] Units total() const override { return units_; }
  [[nodiscard]] Units free() const override { return totals_.free(); }
  [[nodiscard]] Units largest_free() const override {
    return by_size_.empty() ? Units{0} : by_size_.rbegin()->first;
  }
  [[nodiscard]] Units remainders() const override { return totals_.remainders(); }

  [[nodiscard]] std::vector<Extent> free_runs() const override {
    std::vector<Extent> runs;
    runs.reserve(by_offset_.size());
    for (const auto& [offset, size] : by_offset_) {
      runs.push_back({offset, size});
    }
    return runs;
  }

  void audit() const override {
    totals_.audit(free_runs(), units_);
    TESSERA_INVARIANT(by_size_.size() == by_offset_.size(), "a free run is in both orders");
    for (const auto& [offset, size] : by_offset_) {
      TESSERA_INVARIANT(by_size_.count({size, offset}) == 1, "a free run is in both orders");
      TESSERA_INVARIANT(by_offset_.count(offset + size) == 0, "neighbouring free runs are one");
    }
  }

 private:
  using ByOffset = std::map<Units, Units>;

  void add(Units offset, Units size) {
    by_offset_.emplace(offset, size);
    by_size_.emplace(size, offset);
    totals_.add(size);
  }
  void remove(ByOffset::iterator run) {
    by_size_.erase({run->second, run->first});
    totals_.remove(run->second);
    by_offset_.erase(run);
  }

  Units units_;
  RunTotals totals_;
  ByOffset by_offset_;                         // free runs: offset to size
  std::set<std::pair<Units, Units>> by_size_;  // the same as (size, offset)
};

}  // namespace

std::unique_ptr<PlacementAllocator> make_best_fit(Units units, Units quantum) {
  return std::make_unique<BestFit>(units, quantum);
}

}  // namespace tessera
