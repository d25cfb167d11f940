// The placements again, as plainly as they can be put: a map of units for first and best fit, a
// tree of halves for the buddy system. Oracles for the real ones.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "tessera/memory/placement.hpp"

namespace tessera::naive {

class NaivePlacement {
 public:
  NaivePlacement() = default;
  NaivePlacement(const NaivePlacement&) = delete;
  NaivePlacement& operator=(const NaivePlacement&) = delete;
  virtual ~NaivePlacement() = default;
  virtual std::optional<Extent> allocate(std::int64_t size) = 0;
  virtual void deallocate(Extent extent) = 0;
  [[nodiscard]] virtual std::vector<Extent> free_runs() const = 0;

  [[nodiscard]] std::int64_t free() const {
    std::int64_t sum = 0;
    for (const Extent& run : free_runs()) {
      sum += run.size.count();
    }
    return sum;
  }
  [[nodiscard]] std::int64_t largest_free() const {
    std::int64_t largest = 0;
    for (const Extent& run : free_runs()) {
      largest = run.size.count() > largest ? run.size.count() : largest;
    }
    return largest;
  }
  [[nodiscard]] std::int64_t remainders(std::int64_t quantum) const {
    std::int64_t sum = 0;
    for (const Extent& run : free_runs()) {
      sum += run.size.count() % quantum;
    }
    return sum;
  }
};

class UnitMap final : public NaivePlacement {
 public:
  UnitMap(bool takes_the_smallest, std::int64_t units)
      : takes_the_smallest_(takes_the_smallest), used_(static_cast<std::size_t>(units), false) {}

  std::optional<Extent> allocate(std::int64_t size) override {
    std::optional<Extent> chosen;
    for (const Extent& run : free_runs()) {
      if (run.size.count() >= size &&
          (!chosen || (takes_the_smallest_ && run.size < chosen->size))) {
        chosen = run;
      }
    }
    if (chosen) {
      chosen->size = Units{size};
      fill(*chosen, true);
    }
    return chosen;
  }
  void deallocate(Extent extent) override { fill(extent, false); }

  [[nodiscard]] std::vector<Extent> free_runs() const override {
    std::vector<Extent> runs;
    for (std::size_t unit = 0; unit < used_.size(); ++unit) {
      if (used_[unit]) {
        continue;
      }
      if (unit == 0 || used_[unit - 1]) {
        runs.push_back({Units{static_cast<std::int64_t>(unit)}, Units{0}});
      }
      ++runs.back().size;
    }
    return runs;
  }

 private:
  void fill(Extent extent, bool is_used) {
    for (std::int64_t i = 0; i < extent.size.count(); ++i) {
      used_[static_cast<std::size_t>(extent.offset.count() + i)] = is_used;
    }
  }
  bool takes_the_smallest_;
  std::vector<bool> used_;
};

class HalvesTree final : public NaivePlacement {
 public:
  explicit HalvesTree(std::int64_t units) {
    std::int64_t offset = 0;
    for (std::int64_t size = std::int64_t{1} << 40; size > 0; size /= 2) {
      if (units - offset >= size) {
        roots_.push_back(std::make_unique<Node>(offset, size));
        offset += size;
      }
    }
  }

  std::optional<Extent> allocate(std::int64_t size) override {
    std::int64_t wanted = 1;
    while (wanted < size) {
      wanted *= 2;
    }
    Node* chosen = nullptr;
    for (const auto& root : roots_) {
      root->visit_free([&](Node& leaf) {
        if (leaf.size >= wanted && (chosen == nullptr || leaf.size < chosen->size)) {
          chosen = &leaf;
        }
      });
    }
    if (chosen == nullptr) {
      return std::nullopt;
    }
    while (chosen->size > wanted) {
      const std::int64_t half = chosen->size / 2;
      chosen->low = std::make_unique<Node>(chosen->offset, half);
      chosen->high = std::make_unique<Node>(chosen->offset + half, half);
      chosen = chosen->low.get();
    }
    chosen->is_used = true;
    return Extent{Units{chosen->offset}, Units{wanted}};
  }

  void deallocate(Extent extent) override {
    for (const auto& root : roots_) {
      root->free_and_merge(extent);
    }
  }

  [[nodiscard]] std::vector<Extent> free_runs() const override {
    std::vector<Extent> runs;
    for (const auto& root : roots_) {
      root->visit_free([&runs](const Node& leaf) {
        runs.push_back({Units{leaf.offset}, Units{leaf.size}});
      });
    }
    return runs;
  }

 private:
  struct Node {
    Node(std::int64_t at, std::int64_t units) : offset(at), size(units) {}

    template <class Visit>
    void visit_free(const Visit& visit) {
      if (low) {
        low->visit_free(visit);
        high->visit_free(visit);
      } else if (!is_used) {
        visit(*this);
      }
    }
    void free_and_merge(Extent extent) {
      if (low) {
        low->free_and_merge(extent);
        high->free_and_merge(extent);
        if (low->is_free_leaf() && high->is_free_leaf()) {
          low.reset();
          high.reset();
        }
      } else if (offset == extent.offset.count() && size == extent.size.count()) {
        is_used = false;
      }
    }
    [[nodiscard]] bool is_free_leaf() const { return !low && !is_used; }

    std::int64_t offset;
    std::int64_t size;
    bool is_used = false;
    std::unique_ptr<Node> low;
    std::unique_ptr<Node> high;
  };
  std::vector<std::unique_ptr<Node>> roots_;
};

inline std::unique_ptr<NaivePlacement> make_naive(Placement placement, std::int64_t units) {
  if (placement == Placement::buddy) {
    return std::make_unique<HalvesTree>(units);
  }
  return std::make_unique<UnitMap>(placement == Placement::best_fit, units);
}

}  // namespace tessera::naive
