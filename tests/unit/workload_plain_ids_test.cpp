// What lists of ids are read with: the same from vectors as from words, and as from counting
// digits.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "sim/workload/content_lists.hpp"
#include "sim/workload/digit_blocks.hpp"
#include "sim/workload/uniform.hpp"

namespace tessera {
namespace {

TEST(DigitBlock, KnowsEveryCharacter) {
  for (int c = 0; c < 256; ++c) {
    for (std::size_t at = 0; at < block_characters; ++at) {
      for (const char other : {'\0', '\xFF', '0', ' '}) {
        std::string text(block_characters, other);
        text[at] = static_cast<char>(c);
        std::uint64_t digits = 0;
        for (std::size_t i = 0; i < text.size(); ++i) {
          digits |= std::uint64_t{text[i] >= '0' && text[i] <= '9'} << i;
        }
        ASSERT_EQ(digits_among(text.data()), digits) << c << " at " << at;
        ASSERT_EQ(in_words::digits_among(text.data()), digits) << c << " at " << at;
      }
    }
  }
}

TEST(DigitBlock, TurnsDigitsToNumbers) {
  RandomStream random(1, "blocks");
  for (int round = 0; round < 50'000; ++round) {
    std::array<std::uint64_t, block_numbers> words{};
    std::array<std::uint64_t, block_numbers> numbers{};
    for (std::size_t i = 0; i < block_numbers; ++i) {
      const auto length = static_cast<std::size_t>(draw_between(random, 1, 8));
      std::string digits;
      while (digits.size() < length) {
        digits += static_cast<char>(round % 100 == 0 ? '9' : draw_between(random, '0', '9'));
      }
      for (const char digit : digits) {
        words[i] = words[i] >> 8 | static_cast<std::uint64_t>(digit - '0') << 56;
      }
      numbers[i] = std::stoull(digits);
    }
    std::array<std::uint64_t, block_numbers> same = words;
    turn_to_numbers(words.data());
    ASSERT_EQ(words, numbers);
    in_words::turn_to_numbers(same.data());
    ASSERT_EQ(same, numbers);
  }
}

TEST(ContentLists, KeepWhatIsClosedAndForgetWhatIsCleared) {
  RandomStream random(2, "lists");
  ContentLists lists;
  std::vector<std::pair<std::size_t, std::vector<std::uint64_t>>> kept;
  EXPECT_TRUE(lists.at(0).empty());
  for (std::uint64_t round = 0; round < 2'000; ++round) {
    lists.clear();
    std::vector<std::uint64_t> ids;
    for (std::int64_t i = draw_between(random, 0, 40); i > 0; --i) {
      ids.push_back(round * 100 + static_cast<std::uint64_t>(i));
      if (i % 2 == 0) {
        lists.push_back(ids.back());
      } else {
        std::uint64_t* const end = lists.room_for(33);
        *end = ids.back();
        lists.extend_to(end + 1);
      }
    }
    ASSERT_EQ(std::vector(lists.open().begin(), lists.open().end()), ids);
    if (round % 3 != 0) {
      kept.emplace_back(lists.close(), ids);
      ASSERT_TRUE(lists.open().empty());
    }
  }
  for (const auto& [place, ids] : kept) {
    ASSERT_EQ(std::vector(lists.at(place).begin(), lists.at(place).end()), ids);
  }
  EXPECT_TRUE(lists.at(0).empty());
}

}  // namespace
}  // namespace tessera
