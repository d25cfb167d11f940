// Exact decimal text, against long division digit by digit.
#include "tessera/core/decimal.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "tessera/core/decimal_digits.hpp"
#include "tessera/core/random.hpp"

namespace tessera {
namespace {

std::string digits_of(Int128 value) {
  std::string digits;
  do {
    digits += static_cast<char>('0' + static_cast<int>(value % 10));
    value /= 10;
  } while (value != 0);
  std::reverse(digits.begin(), digits.end());
  return digits;
}

// The digits with the point `places` from the right, and no zeros at the end.
std::string naive_text(Int128 value, std::size_t places) {
  std::string digits = digits_of(value < 0 ? -value : value);
  if (digits.size() <= places) {
    digits.insert(0, places + 1 - digits.size(), '0');
  }
  digits.insert(digits.size() - places, 1, '.');
  while (digits.back() == '0') {
    digits.pop_back();
  }
  if (digits.back() == '.') {
    digits.pop_back();
  }
  return (value < 0 ? "-" : "") + digits;
}

std::string seconds(Int128 picoseconds) {
  std::string text;
  append_seconds(text, Duration::picoseconds(picoseconds));
  return text;
}

std::string milliseconds(Int128 picoseconds) {
  std::string text;
  append_milliseconds(text, Duration::picoseconds(picoseconds));
  return text;
}

TEST(Decimal, DropsZerosAtTheEnd) {
  EXPECT_EQ(seconds(0), "0");
  EXPECT_EQ(seconds(1), "0.000000000001");
  EXPECT_EQ(seconds(12'500'000'000'000), "12.5");
  EXPECT_EQ(seconds(10'000'000'000'000), "10");
  EXPECT_EQ(seconds(-1'500'000'000'000), "-1.5");
  EXPECT_EQ(milliseconds(1), "0.000000001");
  EXPECT_EQ(milliseconds(20'000'000'000), "20");
}

TEST(Decimal, IsExactForEveryMagnitude) {
  RandomStream random(5, "numbers");
  for (int i = 0; i < 20'000; ++i) {
    const Int128 wide = (static_cast<Int128>(random()) << 62) + static_cast<Int128>(random());
    Int128 value = wide >> (random() % 126);
    if (random() % 4 == 0) {
      value = value / 1'000'000 * 1'000'000;
    }
    if (random() % 8 == 0) {
      value = -value;
    }
    ASSERT_EQ(seconds(value), naive_text(value, 12));
    ASSERT_EQ(milliseconds(value), naive_text(value, 9));
    std::string whole;
    append_integer(whole, value);
    ASSERT_EQ(whole, (value < 0 ? "-" : "") + digits_of(value < 0 ? -value : value));
  }
}

// Where the whole part changes, where a digit does, and where 63 bits end.
TEST(Decimal, IsExactOnBothSidesOfAnEdge) {
  constexpr Int128 limit = static_cast<Int128>(1) << 63;
  std::vector<Int128> edges{0, limit, limit / 2, 2 * limit};
  for (Int128 power = 1; power < 4 * limit; power *= 10) {
    for (const Int128 digit : {1, 3, 9}) {
      edges.push_back(digit * power);
      edges.push_back(limit / power * power);
    }
  }
  for (const Int128 edge : edges) {
    for (Int128 value = std::max<Int128>(0, edge - 3); value <= edge + 3; ++value) {
      ASSERT_EQ(seconds(value), naive_text(value, 12));
      ASSERT_EQ(milliseconds(value), naive_text(value, 9));
      std::string whole;
      append_integer(whole, value);
      ASSERT_EQ(whole, digits_of(value));
    }
  }
}

// Rows rely on it: the next cell begins behind the comma.
TEST(DecimalDigits, PutACommaBehindEveryNumber) {
  RandomStream random(6, "numbers");
  std::vector<std::uint64_t> values{0, 1, 9, 10, 99, 100, 999, 1'000, 999'999, 1'000'000};
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t value = random() >> (1 + random() % 63);
    values.push_back(random() % 4 == 0 ? value / 1'000'000 * 1'000'000 : value);
  }
  std::array<char, longest_number> room{};
  char* const out = room.data();
  for (const std::uint64_t value : values) {
    ASSERT_EQ(std::string(out, digits::write_scaled_cell<4>(out, value)),
              naive_text(value, 12) + ',');
    ASSERT_EQ(std::string(out, digits::write_large_cell<4>(out, value)),
              naive_text(value, 12) + ',');
    ASSERT_EQ(std::string(out, digits::write_scaled_cell<3>(out, value)),
              naive_text(value, 9) + ',');
    ASSERT_EQ(std::string(out, digits::write_whole(out, value) + 1), digits_of(value) + ',');
  }
}

// Where the whole part gets a digit more, and where 63 bits end.
TEST(DecimalDigits, OfLargeNumbersAreExactOnBothSidesOfEveryEdge) {
  constexpr std::uint64_t limit = std::uint64_t{1} << 63;
  std::array<char, longest_number> room{};
  char* const out = room.data();
  std::vector<std::uint64_t> edges{limit - 1, limit / 2};
  for (std::uint64_t power = 1; power < limit; power *= 10) {
    for (std::uint64_t digit = 1; digit <= 9; ++digit) {
      edges.push_back(digit * power);
    }
  }
  for (const std::uint64_t edge : edges) {
    for (std::uint64_t value = edge - 1; value <= edge + 1 && value < limit; ++value) {
      ASSERT_EQ(std::string(out, digits::write_large_cell<4>(out, value)),
                naive_text(value, 12) + ',');
      ASSERT_EQ(std::string(out, digits::write_scaled_cell<4>(out, value)),
                naive_text(value, 12) + ',');
    }
  }
}

// One multiplication takes them apart.
TEST(DecimalDigits, OfWholeNumbersAreExactOnBothSidesOfEveryEdge) {
  std::array<char, longest_number> room{};
  char* const out = room.data();
  for (std::uint64_t value = 1'000; value < 1'000'000; ++value) {
    ASSERT_EQ(std::string(out, digits::write_six(out, value)), digits_of(value));
  }
  for (std::uint64_t value = 1'000'000; value < 1'000'000'000; value += 99'991) {
    ASSERT_EQ(std::string(out, digits::write_nine(out, value)), digits_of(value));
    const std::uint64_t thousand = value / 1'000 * 1'000;
    ASSERT_EQ(std::string(out, digits::write_nine(out, thousand)), digits_of(thousand));
    ASSERT_EQ(std::string(out, digits::write_nine(out, thousand + 999)), digits_of(thousand + 999));
  }
}

TEST(DecimalDigits, OfRecentSecondsAreThoseOfAll) {
  RandomStream random(8, "seconds");
  digits::RecentSeconds recent;
  std::uint64_t second = 0;
  for (int i = 0; i < 20'000; ++i) {
    second = random() % 50 == 0 ? random() % 9'223'372 : second + random() % 3;
    second %= 9'223'372;
    const digits::RecentSeconds::Text& text = recent.of(second);
    ASSERT_EQ(text.whole, second);
    std::array<char, sizeof(text.letters)> letters{};
    std::memcpy(letters.data(), &text.letters, letters.size());
    ASSERT_EQ(std::string(letters.data(), text.length), digits_of(second) + '.');
  }
}

TEST(Decimal, AppendsToWhatIsThere) {
  std::string text = "1,";
  append_seconds(text, Duration::milliseconds(1));
  EXPECT_EQ(text, "1,0.001");
}

TEST(Decimal, DividesToTheNearestTiesUpwards) {
  const auto divided = [](std::int64_t a, std::int64_t b) {
    return divide_nearest(Duration::picoseconds(a), b);
  };
  EXPECT_EQ(divided(7, 2), Duration::picoseconds(4));
  EXPECT_EQ(divided(10, 3), Duration::picoseconds(3));
  EXPECT_EQ(divided(11, 3), Duration::picoseconds(4));
  EXPECT_EQ(divided(0, 3), Duration{});
  const Duration decade = Duration::seconds(320'000'000);
  EXPECT_EQ(divide_nearest(decade + Duration::picoseconds(1), 2),
            Duration::seconds(160'000'000) + Duration::picoseconds(1));
}

}  // namespace
}  // namespace tessera
