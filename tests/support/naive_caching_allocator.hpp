// PyTorch's caching allocator told again, without blocks, lists or orders: segments with sets of
// live byte intervals, everything else found by looking at all of it. The oracle of the property
// tests. Where a new segment lies is asked of the allocator under test.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "tessera/memory/device_allocator.hpp"

namespace tessera::test {

class NaiveCachingAllocator {
 public:
  NaiveCachingAllocator(const CudaCachingSpec& spec, std::optional<Bytes> device)
      : spec_(spec),
        knows_device_(device.has_value()),
        device_(device ? device->count() : std::int64_t{1} << 62) {}

  struct Granted {
    std::uint64_t address = 0;
    std::int64_t size = 0;
  };
  // What the allocator must answer; `actual` is what it did answer, used only where a new segment
  // begins there.
  std::optional<Granted> allocate(std::int64_t size, const std::optional<Allocation>& actual);
  void free(std::uint64_t address);

  [[nodiscard]] AllocatorCounters counters() const;
  [[nodiscard]] std::int64_t largest_free() const;

 private:
  struct Live {
    std::int64_t size = 0;
    std::int64_t requested = 0;
  };
  struct Segment {
    std::uint64_t base = 0;
    std::int64_t size = 0;
    bool small = false;
    std::int64_t cached_since = 0;       // meaningful while nothing is live in it
    std::map<std::uint64_t, Live> live;  // by address
    std::set<std::int64_t> pages;        // mapped ones, of an expandable segment
  };
  // A maximal free stretch; in an expandable segment, of mapped or of unmapped pages.
  struct Run {
    Segment* segment = nullptr;
    std::uint64_t start = 0;
    std::int64_t size = 0;
    bool mapped = true;
    std::int64_t unmapped_behind = 0;  // the unmapped stretch that it touches
  };

  static constexpr std::int64_t mebibyte = 1 << 20;
  [[nodiscard]] std::int64_t page_of(bool small) const { return (small ? 2 : 20) * mebibyte; }
  [[nodiscard]] std::int64_t max_split() const {
    return spec_.max_split_size_mb ? *spec_.max_split_size_mb * mebibyte : INT64_MAX;
  }
  [[nodiscard]] bool collects() const {
    return spec_.limit && spec_.garbage_collection_threshold > 0;
  }
  [[nodiscard]] std::int64_t rounded(std::int64_t size) const;
  [[nodiscard]] std::int64_t reserved() const { return counters().reserved.count(); }
  [[nodiscard]] std::vector<Run> runs_of(const Segment& segment) const;
  [[nodiscard]] std::vector<Run> cached_runs(bool small) const;
  [[nodiscard]] std::optional<Run> best_fit(std::int64_t size, bool small) const;
  Granted place(const Run& run, std::int64_t size, std::int64_t requested);
  std::optional<Run> new_segment(std::int64_t size, bool small,
                                 const std::optional<Allocation>& actual);
  std::optional<Run> grow(std::int64_t size, bool small, const std::optional<Allocation>& actual);
  Segment& new_range(std::int64_t size, bool small, std::uint64_t base);
  [[nodiscard]] bool is_inside(std::uint64_t address) const;
  void place_range(bool small, std::uint64_t address);
  void collect_garbage();
  bool release_oversize(std::int64_t size, bool small);
  void flush();
  void erase_segments(const std::function<bool(const Segment&)>& gone);

  CudaCachingSpec spec_;
  bool knows_device_;
  std::int64_t device_;
  std::map<std::uint64_t, Segment> segments_;
  std::map<bool, std::int64_t> searches_;        // by pool
  std::map<bool, std::int64_t> unplaced_range_;  // by pool: the size it was made for
  std::int64_t retries_ = 0;
};

}  // namespace tessera::test
