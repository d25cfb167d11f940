// Who waits in the span engine, in vLLM's order.
#include "sim/engine/span_queue.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <deque>
#include <vector>

namespace tessera {
namespace {

std::vector<std::uint32_t> drained(SpanQueue& queue) {
  std::vector<std::uint32_t> order;
  while (!queue.empty()) {
    order.push_back(queue.front());
    queue.pop_front();
  }
  return order;
}

using Order = std::vector<std::uint32_t>;

TEST(SpanQueue, ThePreemptedStandInFrontTheLatestOfThemFirst) {
  SpanQueue queue;
  queue.push_back(1);
  queue.push_back(2);
  queue.push_front(8);
  queue.push_front(9);
  EXPECT_EQ(queue.size(), 4);
  EXPECT_EQ(drained(queue), (Order{9, 8, 1, 2}));
}

TEST(SpanQueue, WhoWasPassedOverReturnsInReversedOrder) {
  SpanQueue queue;
  queue.push_back(1);
  queue.push_back(2);
  queue.push_back(3);
  queue.pass_over();
  queue.pass_over();
  EXPECT_EQ(queue.size(), 1);
  EXPECT_EQ(queue.front(), 3U);
  EXPECT_TRUE(queue.return_passed_over());
  EXPECT_FALSE(queue.return_passed_over());
  EXPECT_EQ(queue.size(), 3);
  EXPECT_EQ(drained(queue), (Order{2, 1, 3}));
}

// Long enough that it forgets those who have left.
TEST(SpanQueue, IsADequeHoweverManyComeAndGo) {
  SpanQueue queue;
  std::deque<std::uint32_t> plain;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    if (i % 7 == 3) {
      queue.push_front(i);
      plain.push_front(i);
    } else {
      queue.push_back(i);
      plain.push_back(i);
    }
    const std::uint32_t leave = i / 4'000 % 2 == 0 ? i % 2 : 2;
    for (std::uint32_t n = 0; n < leave && !plain.empty(); ++n) {
      ASSERT_EQ(queue.front(), plain.front());
      queue.pop_front();
      plain.pop_front();
    }
    ASSERT_EQ(queue.size(), static_cast<std::int64_t>(plain.size()));
  }
  EXPECT_EQ(drained(queue), Order(plain.begin(), plain.end()));
}

}  // namespace
}  // namespace tessera
