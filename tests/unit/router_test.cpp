// Each router's rule, on engines whose state is given.
#include "sim/engine/router.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/support/scenarios.hpp"

namespace tessera {
namespace {

using Views = std::vector<EngineView>;

Request prompt_of(std::int64_t group, Tokens shared, Tokens prompt, std::int64_t id) {
  Request request = a_request(id, Duration{}, prompt, Tokens{1});
  request.content.group = group;
  request.content.shared_prefix = shared;
  return request;
}

Request any() {
  return prompt_of(-1, Tokens{0}, Tokens{100}, 1);
}

TEST(Router, RoundRobinTakesTurnsWhateverTheLoad) {
  const auto router = make_router(Router::round_robin, 1);
  const Views engines{{9, Bytes{9}}, {0, Bytes{0}}, {5, Bytes{1}}};
  for (std::size_t i = 0; i < 9; ++i) {
    EXPECT_EQ(router->choose(any(), engines), i % 3);
  }
}

TEST(Router, RandomIsEvenAndFollowsTheSeed) {
  const Views engines(4);
  const auto draws = [&](std::uint64_t seed) {
    const auto router = make_router(Router::random, seed);
    std::vector<std::size_t> all;
    for (int i = 0; i < 4000; ++i) {
      all.push_back(router->choose(any(), engines));
    }
    return all;
  };
  const auto first = draws(1);
  EXPECT_EQ(first, draws(1));
  EXPECT_NE(first, draws(2));
  for (std::size_t engine = 0; engine < 4; ++engine) {
    // Five standard deviations of a binomial count around 1,000.
    EXPECT_NEAR(static_cast<double>(std::count(first.begin(), first.end(), engine)), 1000.0,
                5.0 * 27.4);
  }
}

TEST(Router, LeastOutstandingTakesTheFirstOfTheLeast) {
  const auto router = make_router(Router::least_outstanding, 1);
  EXPECT_EQ(router->choose(any(), Views{{3, Bytes{0}}, {1, Bytes{9}}, {1, Bytes{0}}}), 1u);
  EXPECT_EQ(router->choose(any(), Views(3)), 0u);
}

TEST(Router, LeastKvLooksAtMemoryFirst) {
  const auto router = make_router(Router::least_kv, 1);
  EXPECT_EQ(router->choose(any(), Views{{0, Bytes{7}}, {9, Bytes{5}}, {1, Bytes{6}}}), 1u);
  EXPECT_EQ(router->choose(any(), Views{{4, Bytes{5}}, {2, Bytes{5}}, {2, Bytes{5}}}), 1u);
}

TEST(Router, PowerOfTwoNeverTakesTheMostLoadedAndTakesTheRest) {
  const auto router = make_router(Router::power_of_two, 1);
  const Views engines{{1, Bytes{0}}, {2, Bytes{0}}, {3, Bytes{0}}};
  std::vector<int> taken(3);
  for (int i = 0; i < 3000; ++i) {
    ++taken[router->choose(any(), engines)];
  }
  EXPECT_EQ(taken[2], 0);
  EXPECT_NEAR(taken[0], 2000, 130);  // of three pairs, the first is the better one in two
  EXPECT_EQ(make_router(Router::power_of_two, 1)->choose(any(), Views(1)), 0u);
}

TEST(Router, PrefixAffinityReturnsToWhereThePrefixWent) {
  const auto router = make_router(Router::prefix_affinity, 1);
  const Views idle(3);
  const Views first_busy{{1, Bytes{0}}, {0, Bytes{0}}, {0, Bytes{0}}};
  EXPECT_EQ(router->choose(prompt_of(1, Tokens{256}, Tokens{300}, 10), idle), 0u);
  EXPECT_EQ(router->choose(prompt_of(2, Tokens{256}, Tokens{300}, 11), first_busy), 1u);
  // Back to its group's engine although others are idle; a third group goes to the least loaded.
  EXPECT_EQ(router->choose(prompt_of(1, Tokens{256}, Tokens{300}, 12), first_busy), 0u);
  EXPECT_EQ(router->choose(prompt_of(2, Tokens{256}, Tokens{300}, 13), idle), 1u);
  // A match of 256 in 900 tokens is less than 0.3.
  EXPECT_EQ(router->choose(prompt_of(1, Tokens{256}, Tokens{900}, 14), first_busy), 1u);
  // Lopsided by more than 64, and by more than half: the load decides.
  const Views lopsided{{100, Bytes{0}}, {60, Bytes{0}}, {30, Bytes{0}}};
  EXPECT_EQ(router->choose(prompt_of(3, Tokens{256}, Tokens{300}, 15), lopsided), 2u);
  EXPECT_EQ(router->choose(prompt_of(1, Tokens{256}, Tokens{300}, 16), lopsided), 2u);
  // Which is where the prefix went last.
  EXPECT_EQ(router->choose(prompt_of(1, Tokens{256}, Tokens{300}, 17), idle), 2u);
}

}  // namespace
}  // namespace tessera
