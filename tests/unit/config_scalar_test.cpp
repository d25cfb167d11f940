// Values with units: read exactly, and written so that they read back as themselves.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "sim/config/scalar.hpp"

namespace tessera {
namespace {

template <class T>
T value_of(std::string_view text) {
  const auto parsed = parse_scalar(ScalarText{text, false}, As<T>{});
  if (const auto* complaint = std::get_if<Complaint>(&parsed)) {
    ADD_FAILURE() << text << ": " << complaint->message;
    return T{};
  }
  return std::get<T>(parsed);
}

template <class T>
std::string complaint_of(std::string_view text) {
  const auto parsed = parse_scalar(ScalarText{text, false}, As<T>{});
  const auto* complaint = std::get_if<Complaint>(&parsed);
  return complaint != nullptr ? complaint->message : "fine: " + text_of(std::get<T>(parsed));
}

TEST(ConfigScalar, SizesAreExact) {
  EXPECT_EQ(value_of<Bytes>("512 B"), Bytes{512});
  EXPECT_EQ(value_of<Bytes>("1.5 GB"), Bytes{1'500'000'000});
  EXPECT_EQ(value_of<Bytes>("3 kB"), Bytes{3'000});
  EXPECT_EQ(value_of<Bytes>("3MB"), Bytes{3'000'000});
  EXPECT_EQ(value_of<Bytes>("2 TB"), Bytes{2'000'000'000'000});
  EXPECT_EQ(value_of<Bytes>("64 KiB"), Bytes{65'536});
  EXPECT_EQ(value_of<Bytes>("15109 MiB"), Bytes{15'109 * 1'048'576LL});
  EXPECT_EQ(value_of<Bytes>("2 GiB"), Bytes{2'147'483'648});
  EXPECT_EQ(value_of<Bytes>("1 TiB"), Bytes{1'099'511'627'776});
  EXPECT_EQ(value_of<Bytes>("0.5 KiB"), Bytes{512});
  EXPECT_EQ(value_of<Bytes>("1e3 B"), Bytes{1'000});
  EXPECT_EQ(value_of<Bytes>("1.500000000000000000000000 kB"), Bytes{1'500});
  EXPECT_EQ(value_of<Bytes>("0.0009765625 KiB"), Bytes{1});
  // 2^-40, which is one byte of a TiB.
  EXPECT_EQ(value_of<Bytes>("0.0000000000009094947017729282379150390625 TiB"), Bytes{1});
  EXPECT_EQ(value_of<Bytes>("9223372036854775807 B"), Bytes::max());
}

TEST(ConfigScalar, PartsOfAByteAndTooManyAreErrors) {
  EXPECT_EQ(complaint_of<Bytes>("0.5 B"), "'0.5 B' is not a whole number of bytes");
  EXPECT_EQ(complaint_of<Bytes>("1.0001 kB"), "'1.0001 kB' is not a whole number of bytes");
  EXPECT_EQ(complaint_of<Bytes>("1e-99999 GB"), "'1e-99999 GB' is not a whole number of bytes");
  EXPECT_EQ(complaint_of<Bytes>("9223372036854775808 B"), "'9223372036854775808 B' is too large");
  EXPECT_EQ(complaint_of<Bytes>("1e99999 B"), "'1e99999 B' is too large");
  EXPECT_EQ(complaint_of<Bytes>("1e999999999999 B"), "'1e999999999999 B' is beyond any size");
  EXPECT_EQ(complaint_of<Bytes>(std::string(500, '9') + " B").substr(0, 4), "'999");
}

TEST(ConfigScalar, AUnitIsNeeded) {
  EXPECT_EQ(complaint_of<Duration>("10"),
            "expected a duration with a unit such as '150 ms', got '10'");
  EXPECT_EQ(complaint_of<Duration>("0"),
            "expected a duration with a unit such as '150 ms', got '0'");
  EXPECT_EQ(complaint_of<Bytes>("2"), "expected a size with a unit such as '2 GiB', got '2'");
  EXPECT_EQ(complaint_of<Rate>("2"),
            "expected a rate with a unit such as '2.5 /s', got '2'; write '2 /s'");
  EXPECT_EQ(complaint_of<Bandwidth>("fast"),
            "expected a bandwidth with a unit such as '300 GB/s', got 'fast'");
  EXPECT_EQ(complaint_of<Flops>("65"),
            "expected a compute rate with a unit such as '65 TFLOPS', got '65'");
  EXPECT_EQ(complaint_of<Power>(""), "expected a power with a unit such as '70 W', got ''");
}

TEST(ConfigScalar, UnknownUnitsAreNamedWithWhatExists) {
  EXPECT_EQ(complaint_of<Bytes>("2 gib"),
            "unknown unit 'gib' in '2 gib'; did you mean 'GiB'? (a size is in B, KiB, MiB, GiB, "
            "TiB, kB, MB, GB, TB)");
  EXPECT_EQ(complaint_of<Bandwidth>("16 Gbps"),
            "unknown unit 'Gbps' in '16 Gbps'; bits are not understood, write bytes (8 Gb/s are 1 "
            "GB/s) (a bandwidth "
            "is in B/s, kB/s, MB/s, GB/s, TB/s, KiB/s, MiB/s, GiB/s, TiB/s)");
  EXPECT_EQ(complaint_of<Power>("7 horses"),
            "unknown unit 'horses' in '7 horses' (a power is in W, kW, mW)");
  EXPECT_EQ(complaint_of<Bytes>("010 B"),
            "'010 B' starts with a zero, which some readers take for octal; write it without");
}

TEST(ConfigScalar, DurationsAreExactToThePicosecond) {
  EXPECT_EQ(value_of<Duration>("1 ps"), Duration::picoseconds(1));
  EXPECT_EQ(value_of<Duration>("1.001 ns"), Duration::picoseconds(1'001));
  EXPECT_EQ(value_of<Duration>("0.1 us"), Duration::nanoseconds(100));
  EXPECT_EQ(value_of<Duration>("3 \u00b5s"), Duration::microseconds(3));
  EXPECT_EQ(value_of<Duration>("3 \u03bcs"), Duration::microseconds(3));
  EXPECT_EQ(value_of<Duration>("150 ms"), Duration::milliseconds(150));
  EXPECT_EQ(value_of<Duration>("2.5 s"), Duration::milliseconds(2'500));
  EXPECT_EQ(value_of<Duration>("10 min"), Duration::seconds(600));
  EXPECT_EQ(value_of<Duration>("24 h"), Duration::seconds(86'400));
  EXPECT_EQ(value_of<Duration>("3650 d"), Duration::seconds(315'360'000));
  EXPECT_EQ(value_of<Duration>("0 s"), Duration{});
  EXPECT_EQ(complaint_of<Duration>("0.5 ps"), "'0.5 ps' is not a whole number of picoseconds");
  EXPECT_EQ(complaint_of<Duration>("400000 d"),
            "'400000 d' is too long; a thousand years are the most");
}

TEST(ConfigScalar, RatesBandwidthsAndTheirPrefixes) {
  EXPECT_EQ(value_of<Rate>("2.5 /s"), Rate{2.5});
  EXPECT_EQ(value_of<Rate>("90 /min"), Rate{1.5});
  EXPECT_EQ(value_of<Rate>("3600/h"), Rate{1.0});
  EXPECT_EQ(value_of<Bandwidth>("300 GB/s"), Bandwidth{300e9});
  EXPECT_EQ(value_of<Bandwidth>("1.555 TB/s"), Bandwidth{1.555e12});
  EXPECT_EQ(value_of<Bandwidth>("2 GiB/s"), Bandwidth{2147483648.0});
  EXPECT_EQ(value_of<Flops>("8.1 TFLOPS"), Flops{8.1e12});
  EXPECT_EQ(value_of<Flops>("130 TOPS"), Flops{130e12});
  EXPECT_EQ(value_of<Flops>("1.979 PFLOPS"), Flops{1.979e15});
  EXPECT_EQ(value_of<Flops>("0 TFLOPS"), Flops{0.0});
  EXPECT_EQ(value_of<Power>("70 W"), Power{70.0});
  EXPECT_EQ(value_of<Power>("0.4 kW"), Power{400.0});
  EXPECT_EQ(complaint_of<Rate>("1e-300 /s"), "'1e-300 /s' is too small");
  EXPECT_EQ(complaint_of<Rate>("1e300 /s"), "'1e300 /s' is too large");
  EXPECT_EQ(complaint_of<Bandwidth>("1e400 GB/s"), "'1e400 GB/s' is too large");
}

TEST(ConfigScalar, TextIsTheShortestThatReadsBack) {
  EXPECT_EQ(text_of(Bytes{0}), "0 B");
  EXPECT_EQ(text_of(Bytes{16'000'000'000}), "16 GB");
  EXPECT_EQ(text_of(Bytes{15'109 * 1'048'576LL}), "15109 MiB");
  EXPECT_EQ(text_of(Bytes{1'536}), "1536 B");
  EXPECT_EQ(text_of(Duration{}), "0 s");
  EXPECT_EQ(text_of(Duration::milliseconds(150)), "150 ms");
  EXPECT_EQ(text_of(Duration::seconds(60)), "60 s");
  EXPECT_EQ(text_of(Duration::seconds(3'600)), "1 h");
  EXPECT_EQ(text_of(Bandwidth{320e9}), "320 GB/s");
  EXPECT_EQ(text_of(Flops{1.248e15}), "1.248 PFLOPS");
  EXPECT_EQ(text_of(Rate{0.05}), "0.05 /s");
  EXPECT_EQ(text_of(0.9), "0.9");
  EXPECT_EQ(text_of(1e300), "1e300");
  EXPECT_EQ(text_of(1.0 / 3.0), "0.3333333333333333");
}

// 64 random bits from a small generator of our own (splitmix64), so that failures repeat.
class Bits {
 public:
  explicit Bits(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31U);
  }

 private:
  std::uint64_t state_;
};

TEST(ConfigScalar, RandomValuesSurviveTheirText) {
  Bits bits(11);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t raw = bits.next();
    const Bytes bytes{static_cast<std::int64_t>(raw >> (1 + raw % 60))};
    EXPECT_EQ(value_of<Bytes>(text_of(bytes)), bytes);
    const Duration duration =
        Duration::picoseconds(static_cast<Int128>(bits.next() >> (raw % 60)) * 1'000);
    EXPECT_EQ(value_of<Duration>(text_of(duration)), duration);
    const double mantissa = 1.0 + static_cast<double>(bits.next() >> 12U) / 4503599627370496.0;
    const int exponent = static_cast<int>(raw % 24);
    EXPECT_EQ(value_of<Rate>(text_of(Rate{std::ldexp(mantissa, exponent)})).value(),
              std::ldexp(mantissa, exponent));
    const double bandwidth = std::ldexp(mantissa, exponent + 12);
    EXPECT_EQ(value_of<Bandwidth>(text_of(Bandwidth{bandwidth})).value(), bandwidth);
    const double flops = std::ldexp(mantissa, exponent + 25);
    EXPECT_EQ(value_of<Flops>(text_of(Flops{flops})).value(), flops);
    const double real = std::ldexp(mantissa, static_cast<int>(raw % 1'900) - 950);
    EXPECT_EQ(value_of<double>(text_of(real)), real);
    EXPECT_EQ(value_of<double>(text_of(-real)), -real);
  }
}

}  // namespace
}  // namespace tessera
