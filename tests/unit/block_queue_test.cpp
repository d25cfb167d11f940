// The order in which KV blocks are handed out, against a plain deque.
#include "sim/memory/block_queue.hpp"

#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <random>

namespace tessera {
namespace {

std::vector<int> numbers(const std::vector<BlockId>& blocks) {
  std::vector<int> plain;
  for (const BlockId block : blocks) {
    plain.push_back(static_cast<int>(block));
  }
  return plain;
}

TEST(BlockQueue, BeginsWithItsBlocksInOrder) {
  BlockQueue queue(BlockId{1}, BlockId{6});
  BlockChain chain;
  queue.take(chain);
  queue.take(chain);
  EXPECT_EQ(numbers(queue.in_order(chain)), (std::vector{1, 2}));
  EXPECT_EQ(numbers(queue.in_order()), (std::vector{3, 4, 5}));
}

TEST(BlockQueue, BlocksComeBackAtTheEndInReverse) {
  BlockQueue queue(BlockId{1}, BlockId{6});
  BlockChain a;
  BlockChain b;
  queue.take(a);
  queue.take(b);
  queue.take(a);
  queue.take(a);
  queue.give_back(a);
  EXPECT_EQ(a.size, Blocks{0});
  EXPECT_EQ(numbers(queue.in_order()), (std::vector{5, 4, 3, 1}));
  queue.give_back(b);
  EXPECT_EQ(numbers(queue.in_order()), (std::vector{5, 4, 3, 1, 2}));
  queue.give_back(b);
  EXPECT_EQ(queue.size(), Blocks{5}) << "an empty chain gives nothing back";
}

TEST(BlockQueue, TakingFromAnEmptyQueueIsAMistake) {
  BlockQueue queue(BlockId{3}, BlockId{3});
  BlockChain chain;
  EXPECT_THROW(queue.take(chain), InvariantViolation);
}

TEST(BlockQueue, EqualsADequeUnderRandomPrograms) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    BlockQueue queue(BlockId{1}, BlockId{40});
    std::deque<int> plain;
    for (int block = 1; block < 40; ++block) {
      plain.push_back(block);
    }
    std::array<BlockChain, 6> chains;
    std::array<std::vector<int>, 6> plain_chains;
    for (int step = 0; step < 500; ++step) {
      const std::size_t at = random() % chains.size();
      if (random() % 8 == 0) {
        queue.give_back(chains[at]);
        plain.insert(plain.end(), plain_chains[at].rbegin(), plain_chains[at].rend());
        plain_chains[at].clear();
      } else if (!plain.empty()) {
        queue.take(chains[at]);
        plain_chains[at].push_back(plain.front());
        plain.pop_front();
      }
      ASSERT_EQ(numbers(queue.in_order()), std::vector<int>(plain.begin(), plain.end()));
      ASSERT_EQ(numbers(queue.in_order(chains[at])), plain_chains[at]);
      ASSERT_EQ(queue.size().count(), static_cast<std::int64_t>(plain.size()));
    }
  }
}

}  // namespace
}  // namespace tessera
