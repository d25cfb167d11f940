// Every device allocator under random programs of allocations and frees, against naive oracles that
// look at every byte interval: answers, addresses and counters are equal after each operation, and
// nothing that is live overlaps.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tessera/core/random.hpp"
#include "tessera/memory/device_allocator.hpp"
#include "tests/property/naive_placement.hpp"
#include "tests/support/naive_caching_allocator.hpp"

namespace tessera {
namespace {

using namespace literals;

std::int64_t draw(RandomStream& random, std::int64_t from, std::int64_t to) {
  return from + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(to - from + 1));
}

// Sizes of all orders of magnitude, often repeated, often at the edges of the rules.
std::int64_t draw_size(RandomStream& random, int largest_order) {
  static const std::vector<std::int64_t> edges{
      1, 511, 512, 513, 1 << 20, (1 << 20) + 1, 10 << 20, (10 << 20) - 1, (10 << 20) + 1, 20 << 20};
  if (draw(random, 0, 4) == 0) {
    return edges[static_cast<std::size_t>(
        draw(random, 0, static_cast<std::int64_t>(edges.size()) - 1))];
  }
  const std::int64_t order = draw(random, 3, largest_order);
  const std::int64_t base = std::int64_t{1} << order;
  return draw(random, 0, 2) == 0 ? base * draw(random, 1, 3) : draw(random, base, 2 * base);
}

struct LiveAllocation {
  Allocation allocation;
  std::int64_t requested = 0;
};

// What is live, by address; checks that nothing overlaps.
class LiveMap {
 public:
  void add(const Allocation& allocation, std::int64_t requested) {
    const auto next = live_.lower_bound(allocation.address);
    if (next != live_.end()) {
      ASSERT_LE(allocation.address + allocation.granted, next->first);
    }
    if (next != live_.begin()) {
      const auto before = std::prev(next);
      ASSERT_LE(before->first + before->second.allocation.granted, allocation.address);
    }
    ASSERT_GE(allocation.granted.count(), requested);
    live_.emplace(allocation.address, LiveAllocation{allocation, requested});
  }
  LiveAllocation take_any(RandomStream& random) {
    auto it = live_.begin();
    std::advance(it, draw(random, 0, static_cast<std::int64_t>(live_.size()) - 1));
    const LiveAllocation taken = it->second;
    live_.erase(it);
    return taken;
  }
  [[nodiscard]] const std::map<DeviceAddress, LiveAllocation>& all() const { return live_; }
  [[nodiscard]] bool empty() const { return live_.empty(); }

 private:
  std::map<DeviceAddress, LiveAllocation> live_;
};

// Grows for a while, shrinks for a while.
bool allocates_next(RandomStream& random, int step, const LiveMap& live) {
  const std::int64_t share = step / 60 % 3 == 2 ? 25 : 65;
  return live.empty() || draw(random, 0, 99) < share;
}

Bytes sum_of(const std::vector<Bytes>& runs) {
  Bytes sum{0};
  for (const Bytes run : runs) {
    sum += run;
  }
  return sum;
}

struct CachingCase {
  std::string name;
  CudaCachingSpec spec;
  std::optional<Bytes> device;
};

std::vector<CachingCase> caching_cases() {
  std::vector<CachingCase> cases;
  const auto add = [&](std::string name, auto change, std::optional<Bytes> device = {}) {
    CudaCachingSpec spec;
    change(spec);
    cases.push_back({std::move(name), spec, device});
  };
  const auto limit = [](std::int64_t mib) {
    return [mib](CudaCachingSpec& s) { s.limit = Bytes{mib << 20}; };
  };
  add("default", [](CudaCachingSpec&) {});
  add("limit", limit(300));
  add("small limit", limit(23));
  add(
      "device", [](CudaCachingSpec&) {}, 250_MiB);
  add("divisions", [](CudaCachingSpec& s) { s.roundup_power2_divisions = 8; });
  add("divisions and limit", [](CudaCachingSpec& s) {
    s.roundup_power2_divisions = 2;
    s.limit = 200_MiB;
  });
  for (const std::int64_t split : {21, 33, 40}) {
    add("max split " + std::to_string(split), [split](CudaCachingSpec& s) {
      s.max_split_size_mb = split;
      s.limit = 400_MiB;
      s.max_non_split_rounding_mb = split == 40 ? 30 : 20;
    });
  }
  for (const double threshold : {0.1, 0.5, 0.8, 1.0}) {
    add("garbage " + std::to_string(threshold), [threshold](CudaCachingSpec& s) {
      s.garbage_collection_threshold = threshold;
      s.limit = 300_MiB;
    });
  }
  add("garbage and max split", [](CudaCachingSpec& s) {
    s.garbage_collection_threshold = 0.3;
    s.max_split_size_mb = 30;
    s.limit = 350_MiB;
  });
  add("expandable", [](CudaCachingSpec& s) { s.expandable_segments = true; });
  add("expandable and limit", [](CudaCachingSpec& s) {
    s.expandable_segments = true;
    s.limit = 300_MiB;
  });
  add(
      "expandable on a small device", [](CudaCachingSpec& s) { s.expandable_segments = true; },
      150_MiB);
  add("expandable, everything", [](CudaCachingSpec& s) {
    s.expandable_segments = true;
    s.limit = 260_MiB;
    s.garbage_collection_threshold = 0.4;
    s.max_split_size_mb = 25;
    s.roundup_power2_divisions = 4;
  });
  return cases;
}

// Without wishes where the device can run out: an address range that was made for a request which
// then failed would lie where only the allocator knows.
void run_against_naive(const CachingCase& c, std::uint64_t seed) {
  RandomStream random(seed, c.name);
  const auto allocator = make_device_allocator(AllocatorSpec{c.spec}, c.device);
  test::NaiveCachingAllocator naive(c.spec, c.device);
  LiveMap live;
  for (int step = 0; step < 600; ++step) {
    if (allocates_next(random, step, live)) {
      const std::int64_t size = draw_size(random, 26);
      std::optional<DeviceAddress> wish;
      if (!c.device && draw(random, 0, 1) == 0) {
        // Segments may crowd each other; address ranges have room to grow.
        wish = DeviceAddress{static_cast<std::uint64_t>(draw(random, 1, 400))
                             << (c.spec.expandable_segments ? 40 : 27)};
      }
      const auto actual = allocator->allocate(Bytes{size}, wish);
      const auto expected = naive.allocate(size, actual);
      ASSERT_EQ(actual.has_value(), expected.has_value()) << "step " << step << " size " << size;
      if (actual) {
        ASSERT_EQ(actual->address.value(), expected->address) << "step " << step;
        ASSERT_EQ(actual->granted.count(), expected->size) << "step " << step;
        live.add(*actual, size);
      }
    } else {
      const LiveAllocation gone = live.take_any(random);
      allocator->free(gone.allocation.handle);
      naive.free(gone.allocation.address.value());
    }
    ASSERT_EQ(allocator->counters(), naive.counters()) << "step " << step;
    ASSERT_EQ(allocator->largest_free().count(), naive.largest_free()) << "step " << step;
    ASSERT_EQ(sum_of(allocator->free_runs()),
              allocator->counters().reserved - allocator->counters().allocated);
    allocator->audit();
  }
}

TEST(AllocatorProperties, CudaCachingEqualsItsNaiveTwin) {
  for (const CachingCase& c : caching_cases()) {
    SCOPED_TRACE(c.name);
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      SCOPED_TRACE(seed);
      run_against_naive(c, seed);
      if (HasFatalFailure()) {
        return;
      }
    }
  }
}

// Every combination of the options that PyTorch takes, and limits of every size: as traces of other
// programs with other settings will have them.
CachingCase any_options(std::uint64_t seed) {
  RandomStream random(seed, "options");
  CachingCase c{"options " + std::to_string(seed), {}, {}};
  const auto sometimes = [&](auto change) {
    if (draw(random, 0, 1) == 0) {
      change();
    }
  };
  sometimes([&] { c.spec.limit = Bytes{draw(random, 2, 600) << 20}; });
  sometimes([&] { c.spec.expandable_segments = true; });
  sometimes([&] { c.spec.roundup_power2_divisions = std::int64_t{1} << draw(random, 1, 5); });
  sometimes([&] { c.spec.max_split_size_mb = draw(random, 21, 200); });
  sometimes([&] { c.spec.max_non_split_rounding_mb = draw(random, 20, 60); });
  sometimes([&] {
    c.spec.garbage_collection_threshold = static_cast<double>(draw(random, 1, 100)) / 100.0;
  });
  sometimes([&] { c.device = Bytes{draw(random, 2, 800) << 20}; });
  return c;
}

TEST(AllocatorProperties, CudaCachingEqualsItsNaiveTwinUnderAnyOptions) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    run_against_naive(any_options(seed), seed);
    if (HasFatalFailure()) {
      return;
    }
  }
}

// Pages of their own for every allocation, counted one by one.
void run_pages(const VmmSpec& spec, std::optional<Bytes> device, std::uint64_t seed) {
  RandomStream random(seed, "pages");
  const auto allocator = make_device_allocator(AllocatorSpec{spec}, device);
  const std::int64_t page = spec.page_size.count();
  const Bytes most = std::min(spec.limit.value_or(Bytes::max()), device.value_or(Bytes::max()));
  LiveMap live;
  for (int step = 0; step < 600; ++step) {
    std::int64_t mapped = 0;
    std::int64_t requested = 0;
    for (const auto& [address, allocation] : live.all()) {
      requested += allocation.requested;
      for (std::int64_t held = 0; held < allocation.requested; held += page) {
        mapped += page;
      }
    }
    const AllocatorCounters expected{Bytes{requested},
                                     Bytes{mapped},
                                     Bytes{mapped},
                                     Bytes{mapped},
                                     0_bytes,
                                     static_cast<std::int64_t>(live.all().size()),
                                     0};
    ASSERT_EQ(allocator->counters(), expected);
    if (allocates_next(random, step, live)) {
      const std::int64_t size = draw_size(random, 23);
      const std::int64_t pages = (size + page - 1) / page;
      const auto actual = allocator->allocate(Bytes{size});
      ASSERT_EQ(actual.has_value(), mapped + pages * page <= most.count());
      if (actual) {
        ASSERT_EQ(actual->granted, Bytes{pages * page});
        live.add(*actual, size);
      }
    } else {
      allocator->free(live.take_any(random).allocation.handle);
    }
    allocator->audit();
  }
}

TEST(AllocatorProperties, VmmMapsThePagesOfEachAllocation) {
  for (const auto& [spec, device] : {std::pair{VmmSpec{64_KiB, {}}, std::optional<Bytes>{}},
                                     {VmmSpec{2_MiB, {}}, {80_MiB}},
                                     {VmmSpec{64_KiB, 30_MiB}, {}},
                                     {VmmSpec{64_KiB, 30_MiB + 1_bytes}, {20_MiB}}}) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      SCOPED_TRACE(seed);
      run_pages(spec, device, seed);
      if (HasFatalFailure()) {
        return;
      }
    }
  }
}

// The buddy system in pools of any size, against its naive twin.
void run_buddy(Bytes pool, Bytes smallest, std::uint64_t seed) {
  RandomStream random(seed, "buddy");
  const auto allocator = make_device_allocator(AllocatorSpec{BuddySpec{pool, smallest}});
  const auto plain = naive::make_naive(Placement::buddy, pool / smallest);
  std::map<std::int64_t, std::pair<Allocation, Extent>> live;  // by offset
  std::optional<DeviceAddress> start;
  Bytes granted{0};
  for (int step = 0; step < 400; ++step) {
    if (live.empty() || draw(random, 0, 9) < 6) {
      const std::int64_t size = draw(random, 1, pool.count() / draw(random, 1, 40) + 1);
      const auto actual = allocator->allocate(Bytes{size});
      const auto expected = plain->allocate(divide_up(Bytes{size}, smallest));
      ASSERT_EQ(actual.has_value(), expected.has_value());
      if (actual) {
        const Bytes offset = smallest * expected->offset.count();
        start = start ? start
                      : DeviceAddress{actual->address.value() -
                                      static_cast<std::uint64_t>(offset.count())};
        ASSERT_EQ(actual->address, *start + offset);
        ASSERT_EQ(actual->granted, smallest * expected->size.count());
        granted += actual->granted;
        live.emplace(offset.count(), std::pair{*actual, *expected});
      }
    } else {
      const auto gone =
          std::next(live.begin(), draw(random, 0, static_cast<std::int64_t>(live.size()) - 1));
      allocator->free(gone->second.first.handle);
      plain->deallocate(gone->second.second);
      granted -= gone->second.first.granted;
      live.erase(gone);
    }
    ASSERT_EQ(allocator->counters().allocated, granted);
    ASSERT_EQ(allocator->largest_free(), smallest * plain->largest_free());
    allocator->audit();
  }
}

TEST(AllocatorProperties, BuddySharesOutPoolsOfAnySize) {
  RandomStream random(1, "pools");
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const Bytes smallest{draw(random, 1, 3) == 1 ? 1 : 512};
    const Bytes pool = smallest * draw(random, 1, 700) + Bytes{draw(random, 0, 300)};
    SCOPED_TRACE(testing::Message() << "pool " << pool.count());
    run_buddy(pool, smallest, seed);
    if (HasFatalFailure()) {
      return;
    }
  }
}

// Allocators of one pool against a scan of the holes between what is live.
struct PoolCase {
  std::string name;
  AllocatorSpec spec;
  std::optional<Bytes> device;
  Bytes unit{512};
  bool best = false;
};

// The hole that best fit (or first fit) must take, by its offset from the pool's start.
std::optional<DeviceAddress> hole_for(const LiveMap& live, DeviceAddress start, Bytes pool,
                                      const PoolCase& c, Bytes size) {
  std::optional<DeviceAddress> chosen;
  Bytes chosen_size{0};
  DeviceAddress at = start;
  const auto consider = [&](DeviceAddress end) {
    const Bytes hole = end - at;
    if (hole >= size && (!chosen || (c.best && hole < chosen_size))) {
      chosen = at;
      chosen_size = hole;
    }
  };
  for (const auto& [address, allocation] : live.all()) {
    consider(address);
    at = address + allocation.allocation.granted;
  }
  consider(start + pool);
  return chosen;
}

void run_pool(const PoolCase& c, std::uint64_t seed) {
  RandomStream random(seed, c.name);
  const auto allocator = make_device_allocator(c.spec, c.device);
  const Bytes pool = allocator->counters().reserved;
  const DeviceAddress start = [&] {
    const auto probe = make_device_allocator(c.spec, c.device)->allocate(1_bytes);
    return probe->address;
  }();
  const Bytes usable = c.unit * (pool / c.unit);
  LiveMap live;
  Bytes requested{0};
  Bytes granted{0};
  for (int step = 0; step < 600; ++step) {
    if (allocates_next(random, step, live)) {
      const std::int64_t size = draw_size(random, 22);
      const Bytes rounded = round_up(Bytes{size}, c.unit);
      const auto expected = hole_for(live, start, usable, c, rounded);
      const auto actual = allocator->allocate(Bytes{size});
      ASSERT_EQ(actual.has_value(), expected.has_value());
      if (actual) {
        ASSERT_EQ(actual->address, *expected);
        ASSERT_EQ(actual->granted, rounded);
        live.add(*actual, size);
        requested += Bytes{size};
        granted += rounded;
      }
    } else {
      const LiveAllocation gone = live.take_any(random);
      allocator->free(gone.allocation.handle);
      requested -= Bytes{gone.requested};
      granted -= gone.allocation.granted;
    }
    const AllocatorCounters expected{
        requested, granted, granted, pool, granted > 0_bytes ? pool - granted : 0_bytes, 1, 0};
    ASSERT_EQ(allocator->counters(), expected);
    allocator->audit();
  }
}

TEST(AllocatorProperties, PoolsTakeTheHoleThatAScanFinds) {
  std::vector<PoolCase> cases;
  for (const Bytes limit : {1_MiB, 64_MiB, 64_MiB + 100_bytes}) {
    cases.push_back({"best fit", BestFitSpec{limit, 512_bytes}, {}, 512_bytes, true});
    cases.push_back({"first fit", FirstFitSpec{limit, 256_bytes}, {}, 256_bytes, false});
    cases.push_back({"best fit of a device", BestFitSpec{{}, 1_bytes}, limit, 1_bytes, true});
  }
  for (const PoolCase& c : cases) {
    SCOPED_TRACE(c.name);
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      run_pool(c, seed);
      if (HasFatalFailure()) {
        return;
      }
    }
  }
}

// What holds for every allocator that is not judged by a twin above: nothing overlaps, the counters
// are the sums over what is live, and all that was reserved comes back.
void run_conserving(const AllocatorSpec& spec, std::optional<Bytes> device, std::uint64_t seed) {
  RandomStream random(seed, kind_of(spec));
  const auto allocator = make_device_allocator(spec, device);
  LiveMap live;
  const auto check = [&] {
    Bytes requested{0};
    Bytes granted{0};
    for (const auto& [address, allocation] : live.all()) {
      requested += Bytes{allocation.requested};
      granted += allocation.allocation.granted;
    }
    const AllocatorCounters& counters = allocator->counters();
    ASSERT_EQ(counters.requested, requested);
    ASSERT_EQ(counters.allocated, granted);
    ASSERT_EQ(counters.active, granted);
    ASSERT_LE(granted, counters.reserved);
    ASSERT_LE(allocator->largest_free(), counters.reserved - granted);
    ASSERT_EQ(sum_of(allocator->free_runs()), counters.reserved - granted);
    allocator->audit();
  };
  for (int step = 0; step < 600; ++step) {
    if (allocates_next(random, step, live)) {
      const std::int64_t size = draw_size(random, 23);
      if (const auto actual = allocator->allocate(Bytes{size})) {
        live.add(*actual, size);
      }
    } else {
      allocator->free(live.take_any(random).allocation.handle);
    }
    check();
  }
  while (!live.empty()) {
    allocator->free(live.take_any(random).allocation.handle);
  }
  check();
  ASSERT_EQ(allocator->counters().inactive_split, 0_bytes);
}

TEST(AllocatorProperties, EveryAllocatorConservesWhatItReserved) {
  const std::vector<std::pair<AllocatorSpec, std::optional<Bytes>>> cases{
      {BuddySpec{}, 64_MiB},     {BuddySpec{100_MiB, 1_bytes}, {}},
      {BuddySpec{}, {}},         {BestFitSpec{}, {}},
      {FirstFitSpec{}, {}},      {FirstFitSpec{}, 33_MiB},
      {VmmSpec{}, 80_MiB},       {VmmSpec{64_KiB, 30_MiB}, {}},
      {VmmSpec{64_KiB, {}}, {}}, {CudaCachingSpec{}, 100_MiB}};
  for (const auto& [spec, device] : cases) {
    SCOPED_TRACE(kind_of(spec));
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
      run_conserving(spec, device, seed);
      if (HasFatalFailure()) {
        return;
      }
    }
  }
}

}  // namespace
}  // namespace tessera
