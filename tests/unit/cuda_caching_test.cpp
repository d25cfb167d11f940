// PyTorch's caching allocator against numbers worked out by hand from its rules, and its rules one
// by one: rounding, pools, segments, best fit, splitting, merging, retries, and the options.
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "tessera/core/contract.hpp"
#include "tessera/memory/device_allocator.hpp"

namespace tessera {
namespace {

using namespace literals;

std::unique_ptr<DeviceAllocator> caching(const CudaCachingSpec& spec = {},
                                         std::optional<Bytes> device = std::nullopt) {
  return make_device_allocator(AllocatorSpec{spec}, device);
}

CudaCachingSpec with_limit(Bytes limit) {
  CudaCachingSpec spec;
  spec.limit = limit;
  return spec;
}

CudaCachingSpec expandable() {
  CudaCachingSpec spec;
  spec.expandable_segments = true;
  return spec;
}

// What one request does to an empty allocator.
struct FirstRequest {
  std::int64_t size;
  std::int64_t granted;
  std::int64_t reserved;
  std::int64_t inactive_split;
};

TEST(CudaCaching, RoundsRequestsAndSizesSegments) {
  const std::vector<FirstRequest> cases{
      {1, 512, 2'097'152, 2'096'640},
      {512, 512, 2'097'152, 2'096'640},
      {513, 1'024, 2'097'152, 2'096'128},
      {1'048'576, 1'048'576, 2'097'152, 1'048'576},
      {1'048'577, 1'049'088, 20'971'520, 19'922'432},
      {9'961'472, 9'961'472, 20'971'520, 11'010'048},
      {10'485'759, 10'485'760, 10'485'760, 0},
      {10'485'761, 10'486'272, 12'582'912, 2'096'640},
      // cuBLAS's workspace, 2·4096 KiB + 8·16 KiB.
      {8'519'680, 8'519'680, 20'971'520, 12'451'840},
      // A remainder of exactly 1 MiB is not split off: the block keeps it.
      {11'534'336, 12'582'912, 12'582'912, 0},
      {11'533'824, 11'533'824, 12'582'912, 1'049'088},
  };
  for (const FirstRequest& c : cases) {
    const auto allocator = caching();
    const auto allocation = allocator->allocate(Bytes{c.size});
    ASSERT_TRUE(allocation) << c.size;
    EXPECT_EQ(allocation->granted.count(), c.granted) << c.size;
    const AllocatorCounters& counters = allocator->counters();
    EXPECT_EQ(counters.requested.count(), c.size);
    EXPECT_EQ(counters.allocated.count(), c.granted) << c.size;
    EXPECT_EQ(counters.reserved.count(), c.reserved) << c.size;
    EXPECT_EQ(counters.inactive_split.count(), c.inactive_split) << c.size;
    EXPECT_EQ(counters.segments, 1);
    allocator->audit();
  }
}

// A cache of `tensors` tensors that grow by concatenation, one after the other: the new tensor is
// there before the old one dies.
class GrowingCache {
 public:
  GrowingCache(DeviceAllocator& allocator, std::size_t tensors, Bytes per_token)
      : allocator_(allocator), held_(tensors), per_token_(per_token) {}

  void prefill(std::int64_t tokens) {
    for (auto& held : held_) {
      held = allocator_.allocate(per_token_ * tokens);
    }
    tokens_ = tokens;
  }
  void append() {
    peak_ = Bytes{0};
    for (auto& held : held_) {
      const auto grown = allocator_.allocate(per_token_ * (tokens_ + 1));
      peak_ = std::max(peak_, allocator_.counters().requested);
      allocator_.free(held->handle);
      copied_ += per_token_ * tokens_;
      held = grown;
    }
    ++tokens_;
  }
  // All tensors are new before any old one dies.
  void append_keeping_old() {
    const auto old = held_;
    for (auto& held : held_) {
      held = allocator_.allocate(per_token_ * (tokens_ + 1));
    }
    peak_ = allocator_.counters().requested;
    for (const auto& held : old) {
      allocator_.free(held->handle);
    }
    ++tokens_;
  }
  [[nodiscard]] std::int64_t tokens() const { return tokens_; }
  [[nodiscard]] Bytes peak_of_last_append() const { return peak_; }
  [[nodiscard]] Bytes copied() const { return copied_; }

 private:
  DeviceAllocator& allocator_;
  std::vector<std::optional<Allocation>> held_;
  Bytes per_token_;
  std::int64_t tokens_ = 0;
  Bytes peak_{0};
  Bytes copied_{0};
};

TEST(CudaCaching, GrowsGpt2sCacheByConcatenation) {
  const auto allocator = caching();
  const AllocatorCounters& counters = allocator->counters();
  GrowingCache cache(*allocator, 24, 1'536_bytes);
  cache.prefill(32);
  EXPECT_EQ(counters.reserved, 2'097'152_bytes);
  cache.append();
  EXPECT_EQ(cache.peak_of_last_append(), 1'265'664_bytes);
  while (cache.tokens() < 682) {
    cache.append();
  }
  EXPECT_EQ(counters.requested, 25'141'248_bytes);
  EXPECT_EQ(counters.segments, 13);
  EXPECT_EQ(counters.reserved, 27'262'976_bytes);
  cache.append();  // every tensor crosses 1 MiB
  EXPECT_EQ(counters.reserved, 69'206'016_bytes);
  cache.append();
  EXPECT_EQ(counters.allocated, 37'775'360_bytes);
  EXPECT_EQ(counters.requested, 25'214'976_bytes);
  cache.append();
  EXPECT_EQ(counters.reserved, 90'177'536_bytes);
  while (cache.tokens() < 1'032) {
    cache.append();
  }
  EXPECT_EQ(cache.copied(), 19'593'216'000_bytes);
  allocator->audit();
}

TEST(CudaCaching, KeepsBothGenerationsWhenTheCallerHoldsTheOld) {
  const auto allocator = caching();
  GrowingCache cache(*allocator, 24, 1'536_bytes);
  cache.prefill(32);
  cache.append_keeping_old();
  EXPECT_EQ(cache.peak_of_last_append(), 2'396'160_bytes);
}

TEST(CudaCaching, AbandonsAGenerationOfSegmentsEveryTwoMebibytes) {
  const auto allocator = caching();
  const AllocatorCounters& counters = allocator->counters();
  GrowingCache cache(*allocator, 64, 65'536_bytes);
  cache.prefill(512);
  EXPECT_EQ(counters.reserved, 2'147'483'648_bytes);
  cache.append();
  EXPECT_EQ(counters.reserved, 4'429'185'024_bytes);
  cache.append();
  EXPECT_EQ(counters.reserved, 4'464'836'608_bytes);
  while (cache.tokens() < 512 + 32) {
    cache.append();
    EXPECT_EQ(counters.reserved, 4'464'836'608_bytes);
  }
  cache.append();
  EXPECT_EQ(counters.reserved, 6'880'755'712_bytes);
}

TEST(CudaCaching, ExpandableSegmentsRepairConcatenation) {
  const auto allocator = caching(expandable());
  GrowingCache cache(*allocator, 64, 65'536_bytes);
  cache.prefill(512);
  for (int i = 0; i < 100; ++i) {
    cache.append();
  }
  const AllocatorCounters& counters = allocator->counters();
  EXPECT_LT(counters.reserved, counters.allocated + Bytes{counters.allocated.count() / 5});
  EXPECT_EQ(counters.inactive_split, 0_bytes);
  EXPECT_EQ(counters.segments, 0);
  allocator->audit();
}

TEST(CudaCaching, TakesTheSmallestBlockThatFitsAndTheLowestOfEqualOnes) {
  const auto allocator = caching();
  const auto high = allocator->allocate(12_MiB, DeviceAddress{0x7000'0000'0000});
  const auto low = allocator->allocate(12_MiB, DeviceAddress{0x6000'0000'0000});
  const auto larger = allocator->allocate(14_MiB, DeviceAddress{0x5000'0000'0000});
  EXPECT_EQ(high->address, DeviceAddress{0x7000'0000'0000});
  allocator->free(larger->handle);
  allocator->free(high->handle);
  allocator->free(low->handle);
  EXPECT_EQ(allocator->allocate(12_MiB)->address, DeviceAddress{0x6000'0000'0000});
  EXPECT_EQ(allocator->allocate(12_MiB)->address, DeviceAddress{0x7000'0000'0000});
  EXPECT_EQ(allocator->allocate(12_MiB)->address, DeviceAddress{0x5000'0000'0000});
  EXPECT_EQ(allocator->counters().segments, 3);
}

TEST(CudaCaching, MergesNeighboursInsideASegmentOnly) {
  const auto allocator = caching();
  std::vector<Allocation> parts;
  for (int i = 0; i < 4; ++i) {
    parts.push_back(*allocator->allocate(512_KiB));
  }
  const auto next_segment = allocator->allocate(512_KiB);
  allocator->free(parts[0].handle);
  allocator->free(parts[2].handle);
  EXPECT_EQ(allocator->largest_free(), 1536_KiB);  // in the second segment
  EXPECT_EQ(allocator->counters().inactive_split, 2560_KiB);
  allocator->free(parts[1].handle);
  EXPECT_EQ(allocator->counters().inactive_split, 3_MiB);
  allocator->free(parts[3].handle);  // a whole segment is not split
  EXPECT_EQ(allocator->counters().inactive_split, 1536_KiB);
  EXPECT_EQ(allocator->largest_free(), 2_MiB);
  allocator->free(next_segment->handle);
  EXPECT_EQ(allocator->counters().inactive_split, 0_bytes);
  EXPECT_EQ(allocator->counters().reserved, 4_MiB);
  allocator->audit();
}

TEST(CudaCaching, FlushesUnsplitSegmentsAndTriesAgain) {
  const auto allocator = caching(with_limit(64_MiB));
  const auto a = allocator->allocate(30_MiB);
  const auto b = allocator->allocate(30_MiB);
  allocator->free(a->handle);
  const auto c = allocator->allocate(34_MiB);
  ASSERT_TRUE(c);
  EXPECT_EQ(allocator->counters().retries, 1);
  EXPECT_EQ(allocator->counters().reserved, 64_MiB);
  EXPECT_FALSE(allocator->allocate(1_bytes));
  EXPECT_EQ(allocator->counters().retries, 2);
  allocator->free(b->handle);
  EXPECT_TRUE(allocator->allocate(1_bytes));
  EXPECT_EQ(allocator->counters().retries, 3);
  allocator->audit();
}

TEST(CudaCaching, RunsOutWhenTheDeviceDoes) {
  const auto allocator = caching({}, 10_MiB);
  EXPECT_FALSE(allocator->allocate(1'048'577_bytes));  // would be a segment of 20 MiB
  EXPECT_TRUE(allocator->allocate(10_MiB));
  EXPECT_FALSE(allocator->allocate(1_bytes));
  EXPECT_EQ(allocator->counters().retries, 2);
}

TEST(CudaCaching, RefusesEverythingBelowTheSmallestSegment) {
  const auto allocator = caching(with_limit(2_MiB - 1_bytes));
  EXPECT_FALSE(allocator->allocate(1_bytes));
  EXPECT_EQ(allocator->counters().reserved, 0_bytes);
  EXPECT_EQ(allocator->counters().retries, 1);
}

TEST(CudaCaching, GrantsNothingForNothing) {
  const auto allocator = caching(with_limit(1_bytes));
  const auto nothing = allocator->allocate(0_bytes);
  ASSERT_TRUE(nothing);
  EXPECT_EQ(nothing->granted, 0_bytes);
  allocator->free(nothing->handle);
  EXPECT_EQ(allocator->counters(), AllocatorCounters{});
}

TEST(CudaCaching, RefusesAnExabyteUnseen) {
  const auto allocator = caching();
  EXPECT_FALSE(allocator->allocate(Bytes{std::int64_t{1} << 60}));
  EXPECT_FALSE(allocator->allocate(Bytes::max()));
  EXPECT_EQ(allocator->counters(), AllocatorCounters{});
  EXPECT_TRUE(allocator->allocate(Bytes{(std::int64_t{1} << 60) - 1}));
}

TEST(CudaCaching, RefusesAHandleThatIsNotLive) {
  const auto allocator = caching();
  const auto a = allocator->allocate(1_bytes);
  allocator->free(a->handle);
  EXPECT_THROW(allocator->free(a->handle), InvariantViolation);
  EXPECT_THROW(allocator->free(AllocationHandle{77}), InvariantViolation);
  EXPECT_THROW(allocator->allocate(Bytes{-1}), InvariantViolation);
}

TEST(CudaCaching, RoundsUpToStepsBetweenPowersOfTwo) {
  CudaCachingSpec spec;
  spec.roundup_power2_divisions = 4;
  const auto granted = [&](std::int64_t size) {
    return caching(spec)->allocate(Bytes{size})->granted.count();
  };
  EXPECT_EQ(granted(1'200), 1'536);  // not above 4 smallest blocks: plain rounding
  EXPECT_EQ(granted(2'048), 2'048);
  EXPECT_EQ(granted(2'049), 2'560);
  EXPECT_EQ(granted(4'097), 5'120);
  EXPECT_EQ(granted(591'060), 655'360);
  EXPECT_EQ(granted(8'629'065), 10'485'760);
  EXPECT_EQ(granted(1'048'577), 1'310'720);
}

TEST(CudaCaching, NeverSplitsOversizeBlocks) {
  CudaCachingSpec spec;
  spec.max_split_size_mb = 32;
  spec.limit = 150_MiB;
  const auto allocator = caching(spec);
  const auto large = allocator->allocate(64_MiB);
  allocator->free(large->handle);
  // A small request leaves it alone; one that is 20 MiB smaller does, too; a near one takes it
  // whole.
  EXPECT_EQ(allocator->allocate(12_MiB)->granted, 12_MiB);
  EXPECT_EQ(allocator->counters().segments, 2);
  EXPECT_EQ(allocator->allocate(44_MiB)->granted, 44_MiB);
  EXPECT_EQ(allocator->counters().segments, 3);
  const auto near = allocator->allocate(44_MiB + 1_bytes);
  EXPECT_EQ(near->granted, 64_MiB);
  EXPECT_EQ(allocator->counters().inactive_split, 0_bytes);
  allocator->free(near->handle);
  // The limit is met by giving back an oversize block, before everything is flushed.
  EXPECT_TRUE(allocator->allocate(44_MiB));
  EXPECT_EQ(allocator->counters().retries, 0);
  EXPECT_EQ(allocator->counters().reserved, 100_MiB);
  // Where no single one suffices, and all together do not either, everything is flushed.
  EXPECT_FALSE(allocator->allocate(140_MiB));
  EXPECT_EQ(allocator->counters().retries, 1);
  allocator->audit();
}

TEST(CudaCaching, CollectsSegmentsThatAreOlderThanTheMean) {
  CudaCachingSpec spec = with_limit(200_MiB);
  spec.garbage_collection_threshold = 0.5;
  const auto allocator = caching(spec);
  const auto live = allocator->allocate(20_MiB);
  const auto old = allocator->allocate(22_MiB);
  allocator->free(allocator->allocate(24_MiB)->handle);
  allocator->free(old->handle);
  for (int i = 0; i < 3; ++i) {
    allocator->free(allocator->allocate(24_MiB)->handle);
  }
  allocator->allocate(50_MiB);  // 66 MiB were reserved, below half of the limit
  EXPECT_EQ(allocator->counters().reserved, 116_MiB);
  // The cached 22 and 24 MiB are 5 and 2 searches old by now; only one of them is above the mean.
  ASSERT_TRUE(allocator->allocate(60_MiB));
  EXPECT_EQ(allocator->counters().reserved, 154_MiB);
  EXPECT_EQ(allocator->largest_free(), 24_MiB);
  EXPECT_EQ(allocator->counters().retries, 0);
  allocator->free(live->handle);
  allocator->audit();
}

TEST(CudaCaching, IgnoresTheThresholdWithoutALimit) {
  CudaCachingSpec spec;
  spec.garbage_collection_threshold = 0.01;
  const auto allocator = caching(spec, 1_GiB);
  allocator->free(allocator->allocate(100_MiB)->handle);
  EXPECT_TRUE(allocator->allocate(200_MiB));
  EXPECT_EQ(allocator->counters().reserved, 300_MiB);
}

TEST(CudaCaching, MapsExpandableSegmentsPageByPage) {
  const auto allocator = caching(expandable());
  const auto small = allocator->allocate(1_bytes);
  EXPECT_EQ(allocator->counters().reserved, 2_MiB);
  const auto a = allocator->allocate(25_MiB);
  EXPECT_EQ(allocator->counters().reserved, 42_MiB);
  const auto b = allocator->allocate(15_MiB);  // fits into what is mapped
  EXPECT_EQ(b->address, a->address + 25_MiB);
  const auto c = allocator->allocate(2_MiB);
  EXPECT_EQ(allocator->counters().reserved, 62_MiB);
  EXPECT_EQ(c->address, b->address + 15_MiB);
  allocator->free(a->handle);
  EXPECT_EQ(allocator->allocate(24_MiB)->address, a->address);
  EXPECT_EQ(allocator->counters().segments, 0);
  allocator->free(small->handle);
  allocator->audit();
}

TEST(CudaCaching, UnmapsWholeFreePagesWhenMemoryRunsOut) {
  CudaCachingSpec spec = expandable();
  spec.limit = 100_MiB;
  const auto allocator = caching(spec);
  const auto a = allocator->allocate(50_MiB);
  const auto b = allocator->allocate(30_MiB);
  allocator->free(a->handle);
  // 80 MiB are mapped; of the 50 that are free, two pages of 20 are given back.
  const auto c = allocator->allocate(60_MiB);
  ASSERT_TRUE(c);
  EXPECT_EQ(allocator->counters().retries, 1);
  EXPECT_EQ(allocator->counters().reserved, 100_MiB);
  EXPECT_EQ(c->address, b->address + 30_MiB);
  // The hole is mapped again before anything behind it.
  allocator->free(c->handle);
  const auto d = allocator->allocate(61_MiB);
  EXPECT_FALSE(d);
  const auto e = allocator->allocate(40_MiB);
  ASSERT_TRUE(e);
  EXPECT_EQ(e->address, a->address);
  allocator->audit();
}

TEST(CudaCaching, GivesAnEmptyAddressRangeBack) {
  CudaCachingSpec spec = expandable();
  spec.limit = 40_MiB;
  const auto allocator = caching(spec, 80_GiB);
  const auto a = allocator->allocate(40_MiB, DeviceAddress{0x10'0000'0000});
  allocator->free(a->handle);
  const auto b = allocator->allocate(1_bytes, DeviceAddress{0x20'0000'0000});
  EXPECT_EQ(b->address, DeviceAddress{0x20'0000'0000});
  EXPECT_EQ(allocator->counters().reserved, 2_MiB);
  const auto c = allocator->allocate(30_MiB, DeviceAddress{0x40'0000'0000});
  ASSERT_TRUE(c);
  EXPECT_EQ(c->address, DeviceAddress{0x40'0000'0000});
  // 2 + 30 MiB are within the limit, which is not held against the pages that are mapped for them.
  EXPECT_EQ(allocator->counters().reserved, 42_MiB);
}

TEST(CudaCaching, PutsSegmentsElsewhereWhereTheWishIsTaken) {
  const auto allocator = caching();
  const auto a = allocator->allocate(20_MiB, DeviceAddress{0x10'0000'0000});
  const auto b = allocator->allocate(20_MiB, DeviceAddress{0x10'0000'0000} + 10_MiB);
  const auto c = allocator->allocate(20_MiB, DeviceAddress{0x20'0000'0001});
  EXPECT_EQ(a->address, DeviceAddress{0x10'0000'0000});
  EXPECT_NE(b->address, DeviceAddress{0x10'0000'0000} + 10_MiB);
  EXPECT_NE(c->address, DeviceAddress{0x20'0000'0001});
  allocator->audit();
}

}  // namespace
}  // namespace tessera
