// Numbers and tables as the program prints them.

#include <gtest/gtest.h>

#include <limits>

#include "sim/cli/text.hpp"

namespace tessera {
namespace {

TEST(HumanText, WholeNumbersAreGrouped) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1'000), "1,000");
  EXPECT_EQ(grouped(-1'234'567), "-1,234,567");
  EXPECT_EQ(grouped(-999), "-999");
  EXPECT_EQ(grouped(std::numeric_limits<std::int64_t>::min()), "-9,223,372,036,854,775,808");
}

TEST(HumanText, RealNumbersHaveAboutThreeDigits) {
  EXPECT_EQ(three_digits(0.0), "0");
  EXPECT_EQ(three_digits(0.012345), "0.0123");
  EXPECT_EQ(three_digits(1.4249), "1.42");
  EXPECT_EQ(three_digits(228.4), "228");
  EXPECT_EQ(three_digits(123456.0), "123,456");
  EXPECT_EQ(fixed(1234.5, 2), "1,234.50");
  EXPECT_EQ(percent(0.742), "74.2 %");
}

TEST(HumanText, BytesTakeTheLargestFittingUnit) {
  EXPECT_EQ(human_bytes(Bytes{0}), "0 B");
  EXPECT_EQ(human_bytes(Bytes{1023}), "1,023 B");
  EXPECT_EQ(human_bytes(Bytes{1024}), "1.00 KiB");
  EXPECT_EQ(human_bytes(Bytes{15'843'000'000}), "14.75 GiB");
  EXPECT_EQ(human_bytes(Bytes::max()), "8,192.00 PiB");
}

TEST(HumanText, TimesTakeTheUnitsThatPeopleSay) {
  EXPECT_EQ(human_seconds(0.0), "0 us");
  EXPECT_EQ(human_seconds(12e-6), "12.0 us");
  EXPECT_EQ(human_seconds(0.34), "340 ms");
  EXPECT_EQ(human_seconds(1.25), "1.25 s");
  EXPECT_EQ(human_seconds(1392.0), "23 min 12 s");
  EXPECT_EQ(human_seconds(70'020.0), "19 h 27 min");
  EXPECT_EQ(human_seconds(10.0 * 365 * 86'400), "3,650 d 0 h");
  EXPECT_EQ(human_seconds(3599.7), "1 h 0 min");
}

TEST(HumanText, NounsFollowTheirNumber) {
  EXPECT_EQ(counted(1, "point"), "1 point");
  EXPECT_EQ(counted(0, "point"), "0 points");
  EXPECT_EQ(counted(2'000, "point"), "2,000 points");
}

TEST(HumanText, ColumnsAreAsWideAsTheirWidestCell) {
  Table table;
  table.column("name", Align::left);
  table.column("n", Align::right);
  table.column("", Align::left);
  table.row({"a", "1,000", ""});
  table.row({"longer", "7", "x"});
  EXPECT_EQ(table.text(),
            "name        n\n"
            "a       1,000\n"
            "longer      7  x\n");
}

}  // namespace
}  // namespace tessera
