// Content keys: equal for equal content, different for everything else, also at the bounds of the
// packing.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <vector>

#include "tessera/memory/kv_cache.hpp"

namespace tessera {
namespace {

TEST(ContentKeys, TurnsOfOneConversationShareTheirKeys) {
  ContentKeys first;
  first.conversation = 7;
  ContentKeys second = first;
  for (std::int64_t position = 0; position < 100; ++position) {
    EXPECT_EQ(first.key(Tokens{position}), second.key(Tokens{position}));
  }
}

TEST(ContentKeys, AGroupSharesItsPrefixAndNoMore) {
  ContentKeys first{3, Tokens{32}, 1, {}};
  ContentKeys second{3, Tokens{32}, 2, {}};
  EXPECT_EQ(first.key(Tokens{0}), second.key(Tokens{0}));
  EXPECT_EQ(first.key(Tokens{31}), second.key(Tokens{31}));
  EXPECT_NE(first.key(Tokens{32}), second.key(Tokens{32}));
}

TEST(ContentKeys, WithoutAGroupNothingIsShared) {
  ContentKeys first{-1, Tokens{32}, 1, {}};
  ContentKeys second{-1, Tokens{32}, 2, {}};
  EXPECT_NE(first.key(Tokens{0}), second.key(Tokens{0}));
}

TEST(ContentKeys, HashIdsComeFirstAndTellPiecesApart) {
  const std::array<std::uint64_t, 2> ids{10, 11};
  const std::array<std::uint64_t, 2> others{10, 12};
  ContentKeys first{-1, Tokens{0}, 1, ids};
  ContentKeys second{-1, Tokens{0}, 2, others};
  EXPECT_EQ(first.key(Tokens{0}), second.key(Tokens{0}));
  EXPECT_EQ(first.key(Tokens{511}), second.key(Tokens{511}));
  EXPECT_NE(first.key(Tokens{0}), first.key(Tokens{511}));
  EXPECT_NE(first.key(Tokens{512}), second.key(Tokens{512}));
  // Behind the last piece each is its own conversation.
  EXPECT_NE(first.key(Tokens{1024}), second.key(Tokens{1024}));
}

// Every (source, id, position) that the packing could confuse has its own key.
TEST(ContentKeys, NoTwoContentsCollideAroundTheBoundsOfThePacking) {
  const std::vector<std::uint64_t> ids{
      0,           1,          99'999, 100'000, (1ULL << 24U) - 1, 1ULL << 24U, (1ULL << 38U) - 1,
      1ULL << 38U, 1ULL << 62U};
  const std::vector<std::int64_t> positions{
      0, 1, 511, 99'999, 100'000, (1 << 24) - 1, 1 << 24, 1'000'000'000};
  std::map<std::uint64_t, std::string> owners;
  const auto add = [&](const ContentKeys& content, std::int64_t position,
                       const std::string& owner) {
    const auto [place, added] = owners.emplace(content.key(Tokens{position}), owner);
    EXPECT_TRUE(added) << owner << " collides with " << place->second;
  };
  for (const std::uint64_t id : ids) {
    for (const std::int64_t position : positions) {
      const std::string suffix = std::to_string(id) + "/" + std::to_string(position);
      add({-1, Tokens{0}, static_cast<std::int64_t>(id), {}}, position, "conversation " + suffix);
      add({static_cast<std::int64_t>(id), Tokens{2'000'000'000}, 0, {}}, position,
          "group " + suffix);
      const std::array<std::uint64_t, 1> hash_ids{id};
      add({-1, Tokens{0}, 0, hash_ids, Tokens{2'000'000'000}}, position, "piece " + suffix);
    }
  }
}

TEST(ContentKeys, ManyNeighbouringContentsDoNotCollide) {
  std::vector<std::uint64_t> keys;
  for (std::int64_t conversation = 0; conversation < 300; ++conversation) {
    for (std::int64_t position = 0; position < 300; ++position) {
      keys.push_back(ContentKeys{-1, Tokens{0}, conversation, {}}.key(Tokens{position}));
      keys.push_back(ContentKeys{conversation, Tokens{1000}, 0, {}}.key(Tokens{position}));
      // Beyond the packing: mixed.
      keys.push_back(ContentKeys{-1, Tokens{0}, (std::int64_t{1} << 40) + conversation, {}}.key(
          Tokens{position}));
    }
  }
  std::sort(keys.begin(), keys.end());
  EXPECT_EQ(std::adjacent_find(keys.begin(), keys.end()), keys.end());
}

}  // namespace
}  // namespace tessera
