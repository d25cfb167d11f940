// Numbers and times read from text: exact, or refused.
#include <gtest/gtest.h>

#include "sim/workload/number_text.hpp"
#include "tessera/core/decimal.hpp"

namespace tessera {
namespace {

std::string picoseconds(std::optional<Duration> time) {
  if (!time) {
    return "none";
  }
  std::string text;
  append_integer(text, time->picoseconds());
  return text;
}

TEST(ParseSeconds, IsExactToThePicosecond) {
  EXPECT_EQ(picoseconds(parse_seconds("0")), "0");
  EXPECT_EQ(picoseconds(parse_seconds("12.5")), "12500000000000");
  EXPECT_EQ(picoseconds(parse_seconds(".5")), "500000000000");
  EXPECT_EQ(picoseconds(parse_seconds("5.")), "5000000000000");
  EXPECT_EQ(picoseconds(parse_seconds("0.000000000001")), "1");
  EXPECT_EQ(picoseconds(parse_seconds("123456789.123456789012")), "123456789123456789012");
  // 0.1 + 0.2 as a double writes it, and a number whose nearest double is elsewhere.
  EXPECT_EQ(picoseconds(parse_seconds("0.30000000000000004")), "300000000000");
  EXPECT_EQ(picoseconds(parse_seconds("9007199254.740993")), "9007199254740993000000");
}

TEST(ParseSeconds, RoundsWhatIsBelowAPicosecondUpFromTheHalf) {
  EXPECT_EQ(picoseconds(parse_seconds("0.0000000000014999999999999999999999999999999999999")), "1");
  EXPECT_EQ(picoseconds(parse_seconds("0.0000000000015")), "2");
  EXPECT_EQ(picoseconds(parse_seconds("0.0000000000005")), "1");
  EXPECT_EQ(picoseconds(parse_seconds("0.00000000000049")), "0");
}

TEST(ParseSeconds, ReadsExponents) {
  EXPECT_EQ(picoseconds(parse_seconds("8.5e-05")), "85000000");
  EXPECT_EQ(picoseconds(parse_seconds("1E3")), "1000000000000000");
  EXPECT_EQ(picoseconds(parse_seconds("1e+3")), "1000000000000000");
  EXPECT_EQ(picoseconds(parse_seconds("1e-300")), "0");
  EXPECT_EQ(picoseconds(parse_seconds("0e9999")), "0");
}

TEST(ParseSeconds, TakesAsManyDigitsAsThereAre) {
  EXPECT_EQ(picoseconds(parse_seconds(std::string(500, '0') + "7")), "7000000000000");
  EXPECT_EQ(picoseconds(parse_seconds("0." + std::string(40, '9'))), "1000000000000");
  EXPECT_EQ(picoseconds(parse_seconds("1" + std::string(40, '0') + "e-40")), "1000000000000");
  EXPECT_EQ(picoseconds(parse_seconds("1234567890123456789012345678901234e-30")),
            "1234567890123457");
}

TEST(ParseSeconds, RefusesWhatIsNoTime) {
  for (const char* const text : {"",
                                 "-1",
                                 "+1",
                                 "abc",
                                 "1,5",
                                 "1.2.3",
                                 "nan",
                                 "inf",
                                 ".",
                                 "e5",
                                 "1e",
                                 "1e+",
                                 "1e+-3",
                                 " 1",
                                 "1 ",
                                 "0x10",
                                 "1e99999999999",
                                 "10000000000001",
                                 "1e40",
                                 "99999999999999999999999999999999"}) {
    EXPECT_EQ(picoseconds(parse_seconds(text)), "none") << text;
  }
  EXPECT_EQ(picoseconds(parse_seconds("1e13")), "10000000000000000000000000");
}

TEST(ParseMilliseconds, IsAThousandth) {
  EXPECT_EQ(picoseconds(parse_milliseconds("27482")), "27482000000000");
  EXPECT_EQ(picoseconds(parse_milliseconds("0.25")), "250000000");
}

std::string between(const char* from, const char* to) {
  const auto a = parse_date_time(from);
  const auto b = parse_date_time(to);
  return a && b ? picoseconds(*b - *a) : "none";
}

TEST(ParseDateTime, CrossesDaysMonthsAndYears) {
  EXPECT_EQ(between("2023-11-16 18:15:46.6805900", "2023-11-16 18:15:50.9951690"), "4314579000000");
  EXPECT_EQ(between("2023-11-16 23:59:59.9999999", "2023-11-17 00:00:00"), "100000");
  EXPECT_EQ(between("2024-02-28 23:59:59", "2024-02-29 00:00:00"), "1000000000000");
  EXPECT_EQ(between("2024-02-29 23:59:59", "2024-03-01 00:00:00"), "1000000000000");
  EXPECT_EQ(between("2023-02-28 23:59:59", "2023-03-01 00:00:00"), "1000000000000");
  EXPECT_EQ(between("2023-12-31 23:59:59", "2024-01-01 00:00:00"), "1000000000000");
  EXPECT_EQ(between("1900-02-28 23:59:59", "1900-03-01 00:00:00"), "1000000000000");
  EXPECT_EQ(between("2000-02-29 23:59:59", "2000-03-01 00:00:00"), "1000000000000");
  // As seconds since 1970: 2024-05-10 12:00:00 is 1715342400.
  EXPECT_EQ(between("1970-01-01 00:00:00", "2024-05-10 12:00:00"), "1715342400000000000000");
  EXPECT_EQ(between("0000-01-01 00:00:00", "0001-01-01 00:00:00"), "31622400000000000000");
}

TEST(ParseDateTime, KnowsZones) {
  EXPECT_EQ(between("2024-05-10 00:00:00.009930+00:00", "2024-05-10 00:00:01.009930+00:00"),
            "1000000000000");
  EXPECT_EQ(between("2024-05-10T00:00:00Z", "2024-05-10 01:00:01+01:00"), "1000000000000");
  EXPECT_EQ(between("2024-05-10 00:00:00", "2024-05-09 19:00:01-05:00"), "1000000000000");
}

TEST(ParseDateTime, RefusesWhatIsNoDate) {
  for (const char* const text : {"",
                                 "2023-11-16",
                                 "2023-11-16 18:15",
                                 "2023-13-01 00:00:00",
                                 "2023-00-01 00:00:00",
                                 "2023-02-29 00:00:00",
                                 "2023-04-31 00:00:00",
                                 "2023-01-00 00:00:00",
                                 "2023-01-01 24:00:00",
                                 "2023-01-01 00:60:00",
                                 "2023-01-01 00:00:60",
                                 "2023-01-01 00:00:5",
                                 "2023-01-01 00:00:5.0",
                                 "2023-01-01 00:00:00.1.2",
                                 "2023-01-01 00:00:00+1",
                                 "2023-01-01 00:00:00 x",
                                 "12.5",
                                 "2023/01/01 00:00:00",
                                 "-023-01-01 00:00:00",
                                 "2023-01-01 00:00:100"}) {
    EXPECT_EQ(picoseconds(parse_date_time(text)), "none") << text;
  }
}

TEST(ParseTokens, TakesWholeNumbersOnly) {
  EXPECT_EQ(parse_tokens("0"), 0U);
  EXPECT_EQ(parse_tokens("374"), 374U);
  EXPECT_EQ(parse_tokens("374.0"), 374U);
  EXPECT_EQ(parse_tokens("1000000000"), 1'000'000'000U);
  for (const char* const text :
       {"", "-1", "+1", "1.5", "12a", "1000000001", "99999999999999999999", " 1", "1e3"}) {
    EXPECT_EQ(parse_tokens(text), std::nullopt) << text;
  }
}

TEST(Excerpt, IsShortAndPrintable) {
  EXPECT_EQ(excerpt("a\tb\x01"), "'a?b?'");
  EXPECT_EQ(excerpt(std::string(100, 'x')), "'" + std::string(60, 'x') + "...'");
}

}  // namespace
}  // namespace tessera
