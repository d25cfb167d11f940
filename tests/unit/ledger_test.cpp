// The device ledger: names, order, and the sum.
#include "tessera/memory/ledger.hpp"

#include <gtest/gtest.h>

#include <set>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

using namespace literals;

// Every class holds another power of two, so that a sum tells which are in it.
DeviceLedger distinct() {
  DeviceLedger ledger;
  ledger.driver = 1_bytes;
  ledger.weights = 2_bytes;
  ledger.workspace_used = 4_bytes;
  ledger.workspace_idle = 8_bytes;
  ledger.graphs = 16_bytes;
  ledger.kv.live = 32_bytes;
  ledger.kv.cached_prefix = 64_bytes;
  ledger.kv.dead = 128_bytes;
  ledger.kv.pad = 256_bytes;
  ledger.kv.duplicate = 512_bytes;
  ledger.kv.reserved_future = 1024_bytes;
  ledger.kv.reserved_never = 2048_bytes;
  ledger.kv.rounding = 4096_bytes;
  ledger.kv.cached_free = 8192_bytes;
  ledger.kv.withheld = 10'000_bytes;
  ledger.outside = 6384_bytes;
  ledger.kv.free_unusable = 32'768_bytes;
  ledger.kv.free_usable = 65'536_bytes;
  ledger.capacity = Bytes{(1 << 17) - 1};
  return ledger;
}

TEST(DeviceLedger, ClassesComeInTheOrderOfTheirNames) {
  const auto values = distinct().classes();
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(values[i], Bytes{1 << i}) << DeviceLedger::class_names[i];
  }
  EXPECT_EQ(DeviceLedger::class_names.front(), "driver");
  EXPECT_EQ(DeviceLedger::class_names[14], "withheld");
  EXPECT_EQ(DeviceLedger::class_names.back(), "free_usable");
  const std::set<std::string_view> names(DeviceLedger::class_names.begin(),
                                         DeviceLedger::class_names.end());
  EXPECT_EQ(names.size(), DeviceLedger::num_classes);
}

TEST(DeviceLedger, SumsToTheCapacityOrIsWrong) {
  DeviceLedger ledger = distinct();
  EXPECT_NO_THROW(ledger.audit());
  ledger.weights += 1_bytes;
  EXPECT_THROW(ledger.audit(), InvariantViolation);
  ledger.capacity += 1_bytes;
  EXPECT_NO_THROW(ledger.audit());
  EXPECT_NO_THROW(DeviceLedger{}.audit());
}

TEST(DeviceLedger, NoClassIsNegativeThoughTheSumBeRight) {
  DeviceLedger ledger = distinct();
  ledger.kv.live -= 40_bytes;
  ledger.kv.dead += 40_bytes;
  EXPECT_THROW(ledger.audit(), InvariantViolation);
  ledger = distinct();
  ledger.outside -= 7000_bytes;
  ledger.kv.withheld += 7000_bytes;
  EXPECT_THROW(ledger.audit(), InvariantViolation);
}

TEST(DeviceLedger, KvSumsAgreeWithTheClasses) {
  const KvUsage kv = distinct().kv;
  EXPECT_EQ(kv.reserved(), Bytes{32 + 64 + 128 + 256 + 512 + 1024 + 2048 + 4096});
  EXPECT_EQ(kv.wasted(), Bytes{128 + 256 + 512 + 1024 + 2048 + 4096});
  EXPECT_EQ(kv.free(), Bytes{32'768 + 65'536});
  EXPECT_EQ(kv.total() + 31_bytes + 6384_bytes, distinct().capacity);
}

}  // namespace
}  // namespace tessera
