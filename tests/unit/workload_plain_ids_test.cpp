// What lists of ids are read with: the same from vectors as from words, and as from counting
// digits.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "sim/workload/content_lists.hpp"
#include "sim/workload/equal_ids.hpp"
#include "sim/workload/plain_ids.hpp"
#include "sim/workload/uniform.hpp"

namespace tessera {
namespace {

// What text that should hold equal ids holds, character by character.
struct Counted {
  std::size_t matching = 0;
  std::vector<std::uint64_t> ids;  // those that are whole
};

Counted count(const std::string& text, std::size_t length, const std::string& gap) {
  Counted counted;
  for (std::size_t id = 0; id < ids_at_once; ++id) {
    const std::string word = text.substr(id * (length + gap.size()), 8);
    std::size_t good = 0;
    while (good < length && word[good] >= '0' && word[good] <= '9') {
      ++good;
    }
    while (good >= length && good < length + gap.size() && word[good] == gap[good - length]) {
      ++good;
    }
    counted.matching += good == length + gap.size() ? 8 : good;
    if (good >= length) {
      counted.ids.push_back(std::stoull(word.substr(0, length)));
    }
    if (good < length + gap.size()) {
      break;
    }
  }
  return counted;
}

template <std::size_t gap>
void expect_as_counted(const std::string& text, std::size_t length) {
  const Counted counted = count(text, length, std::string(", ", gap));
  const IdForm& form = id_forms<gap>[length - 1];
  for (const auto read : {read_ids, in_words::read_ids}) {
    std::array<std::uint64_t, ids_at_once> ids{};
    ASSERT_EQ(read(form, text.data(), ids.data()), counted.matching) << text;
    for (std::size_t i = 0; i < counted.ids.size(); ++i) {
      ASSERT_EQ(ids[i], counted.ids[i]) << text;
    }
  }
}

// Four ids and what comes behind them.
template <std::size_t gap>
std::string equal_ids(RandomStream& random, std::size_t length) {
  std::string text;
  for (std::size_t id = 0; id < ids_at_once; ++id) {
    for (std::size_t i = 0; i < length; ++i) {
      text += static_cast<char>(draw_between(random, '0', '9'));
    }
    text += std::string(", ", gap);
  }
  return text + "12345678";
}

template <std::size_t gap>
void expect_that_every_character_counts() {
  RandomStream random(1, "ids");
  for (std::size_t length = 1; length <= id_forms<gap>.size(); ++length) {
    for (int round = 0; round < 1'000; ++round) {
      expect_as_counted<gap>(equal_ids<gap>(random, length), length);
    }
    std::string text = equal_ids<gap>(random, length);
    for (char& changed : text) {
      const char kept = changed;
      for (int c = 0; c < 256; ++c) {
        changed = static_cast<char>(c);
        expect_as_counted<gap>(text, length);
      }
      changed = kept;
    }
    expect_as_counted<gap>(std::string(8 * ids_at_once, '9'), length);
  }
}

TEST(EqualIds, AreThoseThatAreCounted) {
  expect_that_every_character_counts<1>();
  expect_that_every_character_counts<2>();
}

// Lists of which some ids are as long as those before them, read as a whole.
TEST(PlainIds, AreTheIdsThatWereWritten) {
  RandomStream random(3, "lists");
  ContentLists lists;
  for (int round = 0; round < 20'000; ++round) {
    const std::string gap = round % 2 == 0 ? ", " : ",";
    std::vector<std::uint64_t> ids;
    std::string text;
    std::int64_t most = 9;
    for (std::int64_t i = draw_between(random, 1, 100); i > 0; --i) {
      if (draw_between(random, 0, 9) == 0) {
        most =
            std::array{
                9, 99, 999, 9'999, 99'999, 999'999, 9'999'999, 99'999'999}[static_cast<std::size_t>(
                draw_between(random, 0, 7))];
      }
      ids.push_back(static_cast<std::uint64_t>(draw_between(random, most / 10, most)));
      text += (text.empty() ? "" : gap) + std::to_string(ids.back());
    }
    lists.clear();
    const std::string padded = text + "]}" + std::string(readable_behind, '\n');
    PlainText plain(std::string_view(padded).substr(0, text.size() + 2));
    ASSERT_TRUE(take_plain_ids(plain, lists)) << text;
    EXPECT_EQ(plain.rest(), "}");
    ASSERT_EQ(std::vector(lists.open().begin(), lists.open().end()), ids) << text;
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
