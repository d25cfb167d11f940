// Users of a closed loop: who waits, who thinks, and when it ends.
#include <gtest/gtest.h>

#include <cmath>
#include <queue>
#include <set>

#include "tests/unit/workload_builders.hpp"

namespace tessera {
namespace {

using workload_test::make_source;

WorkloadSpec closed_loop(std::int64_t users, Duration think_time) {
  WorkloadSpec spec;
  spec.arrivals = ClosedLoopArrivals{users, think_time};
  return spec;
}

SimTime seconds(std::int64_t n) {
  return SimTime::at(Duration::seconds(n));
}

TEST(ClosedLoop, WithoutThinkingAllUsersAskAtOnceAndInOrder) {
  WorkloadSpec spec = closed_loop(3, Duration{});
  const auto source = make_source(spec);
  for (std::int64_t user = 0; user < 3; ++user) {
    ASSERT_EQ(source->next_arrival(), SimTime{});
    const Request request = source->pop();
    EXPECT_EQ(request.client, user);
    EXPECT_EQ(number_of(request.id), user);
  }
  EXPECT_EQ(source->next_arrival(), SimTime::max()) << "all wait for their answers";
}

TEST(ClosedLoop, AUserAsksAgainOnlyWhenAnswered) {
  WorkloadSpec spec = closed_loop(2, Duration{});
  const auto source = make_source(spec);
  const Request first = source->pop();
  const Request second = source->pop();
  source->on_end(second, seconds(5));
  ASSERT_EQ(source->next_arrival(), seconds(5));
  EXPECT_EQ(source->pop().client, second.client);
  EXPECT_EQ(source->next_arrival(), SimTime::max());
  source->on_end(first, seconds(9));
  EXPECT_EQ(source->next_arrival(), seconds(9));
}

TEST(ClosedLoop, AUserTurnedAwayAtOnceLetsTimePass) {
  const auto source = make_source(closed_loop(1, Duration{}));
  const Request request = source->pop();
  source->on_end(request, request.arrival);
  EXPECT_EQ(source->next_arrival(), SimTime::at(Duration::milliseconds(1)));
}

TEST(ClosedLoop, EndsAfterItsRequests) {
  WorkloadSpec spec = closed_loop(2, Duration{});
  spec.requests = 3;
  const auto source = make_source(spec);
  const Request first = source->pop();
  static_cast<void>(source->pop());
  source->on_end(first, seconds(1));
  const Request third = source->pop();
  source->on_end(third, seconds(2));
  EXPECT_EQ(source->next_arrival(), SimTime::max());
  EXPECT_EQ(source->counts().requests, 3);
}

TEST(ClosedLoop, EndsWithItsDuration) {
  WorkloadSpec spec = closed_loop(1, Duration{});
  spec.duration = Duration::seconds(10);
  const auto source = make_source(spec);
  Request request = source->pop();
  source->on_end(request, seconds(10));
  ASSERT_EQ(source->next_arrival(), seconds(10));
  request = source->pop();
  source->on_end(request, seconds(10) + Duration::picoseconds(1));
  EXPECT_EQ(source->next_arrival(), SimTime::max());
}

// With an answer after S and thinking of mean Z, n users send n / (S + Z) requests a second: the
// interactive response time law, here with a node that serves everybody at once.
TEST(ClosedLoop, KeepsTheInteractiveResponseTimeLaw) {
  constexpr std::int64_t num_users = 20;
  constexpr std::int64_t num_requests = 100'000;
  const Duration service = Duration::seconds(2);
  WorkloadSpec spec = closed_loop(num_users, Duration::seconds(3));
  spec.requests = num_requests;
  const auto source = make_source(spec, 3);
  std::queue<Request> in_service;  // all take equally long
  std::set<std::int64_t> waiting;
  SimTime now;
  while (true) {
    const SimTime end = in_service.empty() ? SimTime::max() : in_service.front().arrival + service;
    if (source->next_arrival() == SimTime::max() && in_service.empty()) {
      break;
    }
    if (source->next_arrival() <= end) {
      ASSERT_GE(source->next_arrival(), now);
      now = source->next_arrival();
      const Request request = source->pop();
      ASSERT_TRUE(waiting.insert(request.client).second) << "a user has one request at a time";
      in_service.push(request);
    } else {
      now = end;
      waiting.erase(in_service.front().client);
      source->on_end(in_service.front(), now);
      in_service.pop();
    }
  }
  const double rate = num_requests / now.since_start().to_seconds();
  EXPECT_NEAR(rate, num_users / 5.0, 0.02 * num_users / 5.0);
}

TEST(ClosedLoop, ThinksBeforeTheFirstRequestToo) {
  const auto source = make_source(closed_loop(1000, Duration::seconds(4)), 2);
  double sum = 0.0;
  for (int i = 0; i < 1000; ++i) {
    sum += source->pop().arrival.since_start().to_seconds();
  }
  EXPECT_NEAR(sum / 1000.0, 4.0, 5 * 4.0 / std::sqrt(1000.0));
}

}  // namespace
}  // namespace tessera
