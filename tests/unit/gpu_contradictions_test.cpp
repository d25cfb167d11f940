// Cards that cannot be meant.
#include <gtest/gtest.h>

#include "tessera/hardware/gpu.hpp"

namespace tessera {
namespace {

GpuSpec sound_card() {
  GpuSpec gpu;
  gpu.peak.fp16 = Flops{65e12};
  gpu.memory = Bytes{std::int64_t{14} << 30};
  gpu.context_memory = Bytes{std::int64_t{300} << 20};
  gpu.link_bandwidth = Bandwidth{16e9};
  gpu.link_measured = Bandwidth{12e9};
  return gpu;
}

TEST(GpuContradictions, ASoundCardHasNone) {
  EXPECT_TRUE(contradictions(sound_card()).empty());
}

TEST(GpuContradictions, NoRateToComputeWith) {
  GpuSpec gpu = sound_card();
  gpu.peak.fp16 = Flops{0.0};
  EXPECT_EQ(contradictions(gpu).size(), 1U);
}

TEST(GpuContradictions, AContextAsLargeAsTheMemory) {
  GpuSpec gpu = sound_card();
  gpu.context_memory = gpu.memory;
  EXPECT_EQ(contradictions(gpu).size(), 1U);
}

TEST(GpuContradictions, CopiesFasterThanTheLink) {
  GpuSpec gpu = sound_card();
  gpu.link_measured = Bandwidth{17e9};
  EXPECT_EQ(contradictions(gpu).size(), 1U);
  gpu.link_bandwidth = Bandwidth{0.0};  // the peak is not known
  EXPECT_TRUE(contradictions(gpu).empty());
}

}  // namespace
}  // namespace tessera
