#include "tests/support/naive_caching_allocator.hpp"

#include <algorithm>
#include <iterator>

namespace tessera::test {

std::int64_t NaiveCachingAllocator::rounded(std::int64_t size) const {
  const std::int64_t divisions = spec_.roundup_power2_divisions;
  if (divisions > 1 && size > 512 * divisions) {
    std::int64_t power = 1;
    while (power * 2 <= size) {
      power *= 2;
    }
    for (std::int64_t step = 0;; ++step) {
      if (power + step * (power / divisions) >= size) {
        return power + step * (power / divisions);
      }
    }
  }
  return (size + 511) / 512 * 512;
}

std::vector<NaiveCachingAllocator::Run> NaiveCachingAllocator::runs_of(
    const Segment& segment) const {
  auto* owner = const_cast<Segment*>(&segment);
  const std::uint64_t end = segment.base + static_cast<std::uint64_t>(segment.size);
  const std::int64_t page = page_of(segment.small);
  std::vector<Run> runs;
  const auto add = [&](std::uint64_t from, std::uint64_t to, bool mapped) {
    if (from == to) {
      return;
    }
    const auto size = static_cast<std::int64_t>(to - from);
    const bool joins = !runs.empty() && runs.back().mapped == mapped &&
                       runs.back().start + static_cast<std::uint64_t>(runs.back().size) == from;
    if (joins) {
      runs.back().size += size;
    } else {
      runs.push_back({owner, from, size, mapped, 0});
    }
  };
  // Cuts a free stretch at the pages' edges where there are pages.
  const auto add_stretch = [&](std::uint64_t from, std::uint64_t to) {
    if (!spec_.expandable_segments) {
      add(from, to, true);
      return;
    }
    const std::int64_t last_page = segment.pages.empty() ? -1 : *segment.pages.rbegin();
    while (from < to) {
      const auto index = static_cast<std::int64_t>(from - segment.base) / page;
      const std::uint64_t next =
          index > last_page
              ? to
              : std::min(to, segment.base + static_cast<std::uint64_t>((index + 1) * page));
      add(from, next, segment.pages.count(index) > 0);
      from = next;
    }
  };
  std::uint64_t at = segment.base;
  for (const auto& [address, live] : segment.live) {
    add_stretch(at, address);
    at = address + static_cast<std::uint64_t>(live.size);
  }
  add_stretch(at, end);
  for (std::size_t i = 0; i + 1 < runs.size(); ++i) {
    const bool touch =
        runs[i].start + static_cast<std::uint64_t>(runs[i].size) == runs[i + 1].start;
    if (touch && runs[i].mapped && !runs[i + 1].mapped) {
      runs[i].unmapped_behind = runs[i + 1].size;
    }
  }
  return runs;
}

// By size, then by address.
std::vector<NaiveCachingAllocator::Run> NaiveCachingAllocator::cached_runs(bool small) const {
  std::vector<Run> cached;
  for (const auto& [base, segment] : segments_) {
    for (const Run& run : runs_of(segment)) {
      if (segment.small == small && run.mapped) {
        cached.push_back(run);
      }
    }
  }
  std::stable_sort(cached.begin(), cached.end(),
                   [](const Run& a, const Run& b) { return a.size < b.size; });
  return cached;
}

std::optional<NaiveCachingAllocator::Run> NaiveCachingAllocator::best_fit(std::int64_t size,
                                                                          bool small) const {
  const auto cached = cached_runs(small);
  std::size_t i = 0;
  while (i < cached.size() && cached[i].size < size) {
    ++i;
  }
  if (i == cached.size()) {
    return std::nullopt;
  }
  while (spec_.expandable_segments && i + 1 < cached.size() &&
         cached[i + 1].size + cached[i + 1].unmapped_behind <
             cached[i].size + cached[i].unmapped_behind) {
    ++i;
  }
  if (size < max_split() ? cached[i].size >= max_split()
                         : cached[i].size >= size + spec_.max_non_split_rounding_mb * mebibyte) {
    return std::nullopt;
  }
  return cached[i];
}

NaiveCachingAllocator::Granted NaiveCachingAllocator::place(const Run& run, std::int64_t size,
                                                            std::int64_t requested) {
  const std::int64_t rest = run.size - size;
  const bool split = run.segment->small || spec_.expandable_segments
                         ? rest >= 512
                         : size < max_split() && rest > mebibyte;
  const std::int64_t granted = split ? size : run.size;
  run.segment->live[run.start] = {granted, requested};
  return {run.start, granted};
}

std::optional<NaiveCachingAllocator::Granted> NaiveCachingAllocator::allocate(
    std::int64_t size, const std::optional<Allocation>& actual) {
  const std::int64_t wanted = rounded(size);
  const bool small = wanted <= mebibyte;
  searches_[small] += collects() ? 1 : 0;
  if (actual) {
    place_range(small, actual->address.value());
  }
  auto run = best_fit(wanted, small);
  if (!run) {
    collect_garbage();
    run = new_segment(wanted, small, actual);
    if (!run && release_oversize(wanted, small)) {
      run = new_segment(wanted, small, actual);
    }
    if (!run) {
      flush();
      ++retries_;
      run = new_segment(wanted, small, actual);
    }
  }
  if (!run) {
    return std::nullopt;
  }
  return place(*run, wanted, size);
}

std::optional<NaiveCachingAllocator::Run> NaiveCachingAllocator::new_segment(
    std::int64_t size, bool small, const std::optional<Allocation>& actual) {
  const std::int64_t segment_size = small ? 2 * mebibyte
                                    : size < 10 * mebibyte
                                        ? 20 * mebibyte
                                        : (size + 2 * mebibyte - 1) / (2 * mebibyte) * 2 * mebibyte;
  if (spec_.limit && reserved() + segment_size > spec_.limit->count()) {
    return std::nullopt;
  }
  if (spec_.expandable_segments) {
    return grow(size, small, actual);
  }
  if (reserved() + segment_size > device_ || !actual) {
    return std::nullopt;
  }
  const std::uint64_t base = actual->address.value();
  Segment& segment = segments_[base];
  segment.base = base;
  segment.size = segment_size;
  segment.small = small;
  return Run{&segment, base, segment_size, true, 0};
}

NaiveCachingAllocator::Segment& NaiveCachingAllocator::new_range(std::int64_t size, bool small,
                                                                 std::uint64_t base) {
  const std::int64_t page = page_of(small);
  const std::int64_t range = knows_device_ ? device_ + device_ / 8 : std::int64_t{1} << 38;
  Segment& segment = segments_[base];
  segment.base = base;
  segment.size = (std::max(range, size) + page - 1) / page * page;
  segment.small = small;
  return segment;
}

bool NaiveCachingAllocator::is_inside(std::uint64_t address) const {
  const auto above = segments_.upper_bound(address);
  if (above == segments_.begin()) {
    return false;
  }
  const Segment& segment = std::prev(above)->second;
  return address < segment.base + static_cast<std::uint64_t>(segment.size);
}

// An address range that was made for a request, and for which memory then ran out, stays. Where it
// lies shows when it is first used.
void NaiveCachingAllocator::place_range(bool small, std::uint64_t address) {
  const auto unplaced = unplaced_range_.find(small);
  if (!is_inside(address) && unplaced != unplaced_range_.end()) {
    new_range(unplaced->second, small, address);
    unplaced_range_.erase(unplaced);
  }
}

std::optional<NaiveCachingAllocator::Run> NaiveCachingAllocator::grow(
    std::int64_t size, bool small, const std::optional<Allocation>& actual) {
  if (knows_device_ && size > device_ + device_ / 8) {
    return std::nullopt;
  }
  Segment* chosen = nullptr;
  std::uint64_t start = 0;
  for (auto& [base, segment] : segments_) {
    if (segment.small != small || chosen != nullptr) {
      continue;
    }
    // Stretches between live intervals, whatever is mapped of them, with an unmapped page.
    const auto runs = runs_of(segment);
    for (std::size_t i = 0; i < runs.size() && chosen == nullptr;) {
      std::int64_t room = 0;
      bool unmapped = false;
      std::size_t j = i;
      do {
        room += runs[j].size;
        unmapped = unmapped || !runs[j].mapped;
        ++j;
      } while (j < runs.size() &&
               runs[j - 1].start + static_cast<std::uint64_t>(runs[j - 1].size) == runs[j].start);
      if (unmapped && room >= size) {
        chosen = &segment;
        start = runs[i].start;
      }
      i = j;
    }
  }
  if (chosen == nullptr) {
    if (!actual || (knows_device_ && is_inside(actual->address.value()))) {
      unplaced_range_.emplace(small, size);
      return std::nullopt;
    }
    chosen = &new_range(size, small, actual->address.value());
    start = chosen->base;
  }
  const std::int64_t page = page_of(small);
  // Every unmapped stretch on the way is mapped whole or not at all.
  const auto first = static_cast<std::int64_t>(start - chosen->base) / page;
  const auto last = (static_cast<std::int64_t>(start - chosen->base) + size + page - 1) / page;
  for (std::int64_t i = first; i < last;) {
    std::int64_t j = i;
    while (j < last && chosen->pages.count(j) == 0) {
      ++j;
    }
    if (reserved() + (j - i) * page > device_) {
      return std::nullopt;
    }
    for (; i < j; ++i) {
      chosen->pages.insert(i);
    }
    i = j + 1;
  }
  for (const Run& run : runs_of(*chosen)) {
    if (run.start == start) {
      return run;
    }
  }
  return std::nullopt;
}

void NaiveCachingAllocator::erase_segments(const std::function<bool(const Segment&)>& gone) {
  for (auto it = segments_.begin(); it != segments_.end();) {
    it = gone(it->second) ? segments_.erase(it) : std::next(it);
  }
}

void NaiveCachingAllocator::collect_garbage() {
  if (!collects()) {
    return;
  }
  const auto threshold = static_cast<std::int64_t>(spec_.garbage_collection_threshold *
                                                   static_cast<double>(spec_.limit->count()));
  std::int64_t target = reserved() - threshold;
  while (target > 0 && !spec_.expandable_segments) {
    std::vector<std::int64_t> ages;
    for (const auto& [base, segment] : segments_) {
      if (!segment.small && segment.live.empty()) {
        ages.push_back(searches_[false] - segment.cached_since);
      }
    }
    if (ages.empty()) {
      return;
    }
    std::int64_t sum = 0;
    for (const std::int64_t age : ages) {
      sum += age;
    }
    const double mean = static_cast<double>(sum) / static_cast<double>(ages.size());
    const std::int64_t before = reserved();
    erase_segments([&](const Segment& s) {
      return !s.small && s.live.empty() &&
             static_cast<double>(searches_[false] - s.cached_since) >= mean;
    });
    target -= before - reserved();
  }
}

bool NaiveCachingAllocator::release_oversize(std::int64_t size, bool small) {
  if (!spec_.max_split_size_mb || spec_.expandable_segments) {
    return false;
  }
  const std::int64_t wanted = std::max(size, max_split());
  auto cached = cached_runs(small);
  for (const Run& run : cached) {
    if (run.size >= wanted) {
      segments_.erase(run.start);
      return true;
    }
  }
  std::int64_t released = 0;
  while (released < wanted && !cached.empty() && cached.back().size >= max_split()) {
    released += cached.back().size;
    segments_.erase(cached.back().start);
    cached.pop_back();
  }
  return released >= wanted;
}

void NaiveCachingAllocator::flush() {
  if (!spec_.expandable_segments) {
    erase_segments([](const Segment& s) { return s.live.empty(); });
    return;
  }
  for (auto& [base, segment] : segments_) {
    const std::int64_t page = page_of(segment.small);
    for (const Run& run : runs_of(segment)) {
      const auto from = static_cast<std::int64_t>(run.start - base);
      const std::int64_t first = (from + page - 1) / page;
      const std::int64_t last = (from + run.size) / page;
      for (std::int64_t i = first; run.mapped && i < last; ++i) {
        segment.pages.erase(i);
      }
    }
  }
  erase_segments([](const Segment& s) { return s.live.empty() && s.pages.empty(); });
}

void NaiveCachingAllocator::free(std::uint64_t address) {
  Segment& segment = std::prev(segments_.upper_bound(address))->second;
  segment.live.erase(address);
  segment.cached_since = searches_[segment.small];
}

AllocatorCounters NaiveCachingAllocator::counters() const {
  AllocatorCounters sum;
  sum.retries = retries_;
  for (const auto& [base, segment] : segments_) {
    std::int64_t live_bytes = 0;
    for (const auto& [address, live] : segment.live) {
      live_bytes += live.size;
      sum.requested += Bytes{live.requested};
    }
    sum.allocated += Bytes{live_bytes};
    if (spec_.expandable_segments) {
      sum.reserved +=
          Bytes{static_cast<std::int64_t>(segment.pages.size()) * page_of(segment.small)};
    } else {
      ++sum.segments;
      sum.reserved += Bytes{segment.size};
      sum.inactive_split += Bytes{segment.live.empty() ? 0 : segment.size - live_bytes};
    }
  }
  sum.active = sum.allocated;
  return sum;
}

std::int64_t NaiveCachingAllocator::largest_free() const {
  std::int64_t largest = 0;
  for (const bool small : {false, true}) {
    for (const Run& run : cached_runs(small)) {
      largest = std::max(largest, run.size);
    }
  }
  return largest;
}

}  // namespace tessera::test
