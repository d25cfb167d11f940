// Presets of GPUs against their data sheets.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tessera/config/load.hpp"
#include "tessera/hardware/gpu.hpp"

namespace tessera {
namespace {

TEST(GpuPresets, TheT4IsTheWholeCard) {
  const GpuSpec t4 = gpu_preset("t4");
  EXPECT_EQ(t4.architecture, "Turing");
  EXPECT_EQ(t4.compute_capability, "7.5");
  EXPECT_EQ(t4.tensor_cores, 320);
  EXPECT_EQ(t4.cuda_cores, 2560);
  EXPECT_EQ(t4.multiprocessors, 40);
  EXPECT_DOUBLE_EQ(t4.peak.fp32.value(), 8.1e12);
  EXPECT_DOUBLE_EQ(t4.peak.fp16.value(), 65e12);
  EXPECT_DOUBLE_EQ(t4.peak.bf16.value(), 0.0);
  EXPECT_DOUBLE_EQ(t4.peak.int8.value(), 130e12);
  EXPECT_DOUBLE_EQ(t4.peak.int4.value(), 260e12);
  EXPECT_EQ(t4.memory_type, "GDDR6");
  EXPECT_TRUE(t4.ecc);
  EXPECT_DOUBLE_EQ(t4.memory_bandwidth.value(), 320e9);
  EXPECT_DOUBLE_EQ(t4.sheet_bandwidth.value(), 300e9);
  EXPECT_EQ(t4.pcie, "Gen3 x16");
  EXPECT_DOUBLE_EQ(t4.link_bandwidth.value() * 2, 32e9);  // the sheet counts both directions
  EXPECT_DOUBLE_EQ(t4.power.value(), 70.0);
}

// 14.56 to 14.76 GiB by driver, never the 16 GB of the name.
TEST(GpuPresets, ProgramsSeeLessThanTheT4sSixteenGigabytes) {
  const double gib = static_cast<double>(gpu_preset("t4").memory.count()) / (1 << 30);
  EXPECT_GE(gib, 14.55);
  EXPECT_LE(gib, 14.77);
}

TEST(GpuPresets, AllAreThereAndContradictNothing) {
  const std::vector<std::string> names{"a100-40gb", "a100-80gb", "a10g", "h100", "h200",
                                       "l4",        "rtx4090",   "t4",   "v100"};
  std::vector<std::string> listed;
  for (const Listing& listing : list_gpus()) {
    listed.push_back(listing.name);
    const GpuSpec gpu = gpu_preset(listing.name);
    EXPECT_EQ(gpu.name, listing.name);
    EXPECT_EQ(contradictions(gpu), std::vector<std::string>{}) << listing.name;
    EXPECT_GT(gpu.multiprocessors, 0) << listing.name;
    EXPECT_GT(gpu.link_measured.value(), 0.0) << listing.name;
    EXPECT_GT(gpu.context_memory, Bytes{0}) << listing.name;
    // Tensor cores run fp16 at twice the plain rate at least.
    EXPECT_GE(gpu.peak.fp16.value(), 1.99 * gpu.peak.fp32.value()) << listing.name;
  }
  EXPECT_EQ(listed, names);
}

// Cores and clocks give the FP32 rate: two operations a core a cycle, at clocks of 1 to 2.6 GHz.
TEST(GpuPresets, RatesFollowFromCores) {
  for (const Listing& listing : list_gpus()) {
    const GpuSpec gpu = gpu_preset(listing.name);
    const double clock = gpu.peak.fp32.value() / (2.0 * static_cast<double>(gpu.cuda_cores));
    EXPECT_GT(clock, 1.0e9) << listing.name;
    EXPECT_LT(clock, 2.6e9) << listing.name;
    EXPECT_EQ(gpu.cuda_cores % gpu.multiprocessors, 0) << listing.name;
    EXPECT_EQ(gpu.tensor_cores % gpu.multiprocessors, 0) << listing.name;
  }
}

}  // namespace
}  // namespace tessera
