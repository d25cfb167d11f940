// What the command line says of an allocator, and what it is told where that cannot be.
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tessera/memory/allocator_specs.hpp"

namespace tessera {
namespace {

std::string refusal_of(std::string_view text) {
  try {
    static_cast<void>(parse_allocator(text));
  } catch (const BadAllocatorText& refusal) {
    return refusal.what();
  }
  return "accepted";
}

TEST(ParseAllocator, ReadsNamesWithDefaults) {
  EXPECT_EQ(kind_of(parse_allocator("cuda_caching")), "cuda_caching");
  EXPECT_EQ(kind_of(parse_allocator("buddy")), "buddy");
  EXPECT_EQ(kind_of(parse_allocator("best_fit")), "best_fit");
  EXPECT_EQ(kind_of(parse_allocator("first_fit")), "first_fit");
  EXPECT_EQ(kind_of(parse_allocator("vmm")), "vmm");
  const auto spec = std::get<CudaCachingSpec>(parse_allocator("cuda_caching"));
  EXPECT_FALSE(spec.expandable_segments);
  EXPECT_FALSE(spec.limit);
  EXPECT_FALSE(spec.max_split_size_mb);
}

TEST(ParseAllocator, ReadsEveryOption) {
  const auto spec = std::get<CudaCachingSpec>(parse_allocator(
      "cuda_caching,limit=2048MiB,garbage_collection_threshold=0.6,expandable_segments=True,"
      "max_split_size_mb=32,roundup_power2_divisions=4,max_non_split_rounding_mb=25"));
  EXPECT_EQ(spec.limit, Bytes{2'147'483'648});
  EXPECT_EQ(spec.garbage_collection_threshold, 0.6);
  EXPECT_TRUE(spec.expandable_segments);
  EXPECT_EQ(spec.max_split_size_mb, 32);
  EXPECT_EQ(spec.roundup_power2_divisions, 4);
  EXPECT_EQ(spec.max_non_split_rounding_mb, 25);
  EXPECT_EQ(std::get<VmmSpec>(parse_allocator("vmm,page_size=64KiB")).page_size, Bytes{65'536});
  EXPECT_EQ(std::get<BuddySpec>(parse_allocator("buddy, limit = 1.5 GiB")).limit,
            Bytes{1'610'612'736});
  EXPECT_EQ(std::get<BestFitSpec>(parse_allocator("best_fit,limit=12GB")).limit,
            Bytes{12'000'000'000});
  EXPECT_EQ(std::get<FirstFitSpec>(parse_allocator("first_fit,limit=4096")).limit, Bytes{4'096});
  EXPECT_FALSE(std::get<CudaCachingSpec>(parse_allocator("cuda_caching,limit=null")).limit);
}

TEST(ParseAllocator, SaysWhatWasMeant) {
  EXPECT_EQ(refusal_of("cuda_cachng"),
            "there is no allocator 'cuda_cachng'; did you mean 'cuda_caching'?");
  EXPECT_EQ(refusal_of(""),
            "there is no allocator ''; there are cuda_caching, buddy, best_fit, first_fit, vmm");
  EXPECT_EQ(refusal_of("vmm,pagesize=2MiB"),
            "allocator vmm has no option 'pagesize'; did you mean 'page_size'?");
  EXPECT_EQ(refusal_of("vmm,colour=red"),
            "allocator vmm has no option 'colour'; there are page_size, limit");
}

TEST(ParseAllocator, RefusesValuesThatCannotBe) {
  EXPECT_EQ(refusal_of("vmm,limit"),
            "allocator vmm: option 'limit' has no value; write option=value");
  EXPECT_EQ(refusal_of("vmm,limit="),
            "allocator vmm: limit is a number of bytes such as 2048MiB, not ''");
  EXPECT_EQ(refusal_of("vmm,limit=2MB,limit=3Mib"),
            "allocator vmm: limit has the unknown unit 'Mib'; write bytes as 2048MiB, 1.5GiB, 2GB");
  EXPECT_EQ(refusal_of("vmm,limit=-5"),
            "allocator vmm: limit has the unknown unit '-5'; write bytes as 2048MiB, 1.5GiB, 2GB");
  EXPECT_EQ(refusal_of("vmm,limit=0.3B"),
            "allocator vmm: limit is not a whole number of bytes up to 10^18: '0.3B'");
  EXPECT_NE(refusal_of("vmm,limit=0").find("limit is out of range"), std::string::npos);
  EXPECT_NE(refusal_of("vmm,limit=99999999TiB").find("up to 10^18"), std::string::npos);
  EXPECT_EQ(refusal_of("cuda_caching,expandable_segments=yes"),
            "allocator cuda_caching: expandable_segments is true or false, not 'yes'");
  EXPECT_EQ(refusal_of("cuda_caching,max_split_size_mb=3x"),
            "allocator cuda_caching: max_split_size_mb is a whole number, not '3x'");
  EXPECT_NE(refusal_of("cuda_caching,max_split_size_mb=20").find("max_split_size_mb is out of"),
            std::string::npos);
  EXPECT_NE(refusal_of("cuda_caching,garbage_collection_threshold=1.5").find("is out of range"),
            std::string::npos);
  EXPECT_NE(refusal_of("cuda_caching,garbage_collection_threshold=nan").find("is out of range"),
            std::string::npos);
  EXPECT_EQ(refusal_of("cuda_caching,roundup_power2_divisions=3"),
            "allocator cuda_caching: roundup_power2_divisions must be a power of two, or 0");
  EXPECT_EQ(refusal_of("buddy,smallest=3"), "allocator buddy: smallest must be a power of two");
}

}  // namespace
}  // namespace tessera
