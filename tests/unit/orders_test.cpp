// The orders that compose with a policy, on engines small enough to see whose turn it is. A step
// takes 10 ms and 100 us a token; contexts are free.
#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/support/scenarios.hpp"
#include "tests/support/step_log.hpp"

namespace tessera {
namespace {

// One sequence at a time.
Scenario one_at_a_time(Order order, double prediction_error = 0.0) {
  Scenario scenario = tiny_scenario();
  VllmV1Spec policy;
  policy.order = order;
  policy.max_num_seqs = 1;
  policy.prediction_error = prediction_error;
  scenario.engine.policy = policy;
  PagedKvSpec paged;
  paged.num_blocks = Blocks{64};
  scenario.engine.kv_cache = paged;
  AffineCostSpec cost;
  cost.per_context_token = Duration{};
  scenario.cost = cost;
  return scenario;
}

Request now(std::int64_t id, std::int64_t prompt, std::int64_t output, std::int64_t tenant = 0) {
  Request request = a_request(id, Duration{}, Tokens{prompt}, Tokens{output});
  request.tenant = tenant;
  return request;
}

Request later(Request request, std::int64_t milliseconds) {
  request.arrival = SimTime::at(Duration::milliseconds(milliseconds));
  return request;
}

// The requests in order of their ends: "2 0 1".
std::string ends(const Scenario& scenario, const std::vector<Request>& requests) {
  struct Ends final : Recorder {
    void on_request_end(const RequestRecord& record) override {
      text += (text.empty() ? "" : " ") + std::to_string(number_of(record.request.id));
    }
    std::string text;
  } recorder;
  run_listed(scenario, requests, recorder);
  return recorder.text;
}

TEST(Orders, TheShortestJobGoesFirst) {
  const std::vector<Request> requests{now(0, 10, 9), now(1, 10, 3), now(2, 4, 8), now(3, 10, 1)};
  EXPECT_EQ(ends(one_at_a_time(Order::fcfs), requests), "0 1 2 3");
  // By prompt + output: 19, 13, 12, 11.
  EXPECT_EQ(ends(one_at_a_time(Order::sjf), requests), "3 2 1 0");
}

// Two fit at first, and one to its end: whoever came first keeps its memory.
TEST(Orders, EqualsDoNotTakeMemoryFromEachOtherForEver) {
  for (const Order order : {Order::sjf, Order::edf}) {
    Scenario scenario = one_at_a_time(order);
    std::get<VllmV1Spec>(scenario.engine.policy).max_num_seqs = 4;
    std::get<VllmV1Spec>(scenario.engine.policy).version = VllmV1Version::v0_11;
    std::get<PagedKvSpec>(scenario.engine.kv_cache).num_blocks = Blocks{5};
    EXPECT_EQ(ends(scenario, {now(0, 16, 40), now(1, 16, 40), now(2, 16, 40)}), "0 1 2");
  }
}

TEST(Orders, PredictionsErrAndErrAlike) {
  std::vector<Request> requests;
  for (std::int64_t id = 0; id < 12; ++id) {
    requests.push_back(now(id, 4, 12 - id));
  }
  const std::string right = ends(one_at_a_time(Order::sjf), requests);
  EXPECT_EQ(right, "11 10 9 8 7 6 5 4 3 2 1 0");
  const std::string wrong = ends(one_at_a_time(Order::sjf, 1.5), requests);
  EXPECT_NE(wrong, right);
  EXPECT_EQ(wrong, ends(one_at_a_time(Order::sjf, 1.5), requests));
}

TEST(Orders, TheEarliestDeadlineGoesFirst) {
  std::vector<Request> requests{now(0, 4, 2), now(1, 4, 2), now(2, 4, 2)};
  requests[1].deadline = SimTime::at(Duration::seconds(1));
  requests[2].deadline = SimTime::at(Duration::milliseconds(500));
  EXPECT_EQ(ends(one_at_a_time(Order::edf), requests), "2 1 0");
  // What the SLO promises is the deadline of those who name none.
  Scenario scenario = one_at_a_time(Order::edf);
  scenario.slo.emplace();
  scenario.slo->e2el.each = Duration::milliseconds(700);
  EXPECT_EQ(ends(scenario, requests), "2 0 1");
}

TEST(Orders, AFairShareAlternatesBetweenTenants) {
  // Tenant 7 sent five requests before tenant 8's two. A request costs 4 + 2 · 2.
  const std::vector<Request> requests{now(0, 4, 2, 7), now(1, 4, 2, 7), now(2, 4, 2, 7),
                                      now(3, 4, 2, 7), now(4, 4, 2, 7), now(5, 4, 2, 8),
                                      now(6, 4, 2, 8)};
  EXPECT_EQ(ends(one_at_a_time(Order::vtc), requests), "0 5 1 6 2 3 4");
}

TEST(Orders, AnOutputTokenCountsTwiceAnInputToken) {
  // Tenant 1 pays 2 + 2 · 5 = 12, tenant 2 pays 8 + 2 · 1 = 10 a request.
  const std::vector<Request> requests{now(0, 2, 5, 1), now(1, 2, 5, 1), now(2, 8, 1, 2),
                                      now(3, 8, 1, 2), now(4, 8, 1, 2)};
  // 12 : 0 → 2; 12 : 10 → 3; 12 : 20 → 1; 24 : 20 → 4.
  EXPECT_EQ(ends(one_at_a_time(Order::vtc), requests), "0 2 3 1 4");
}

TEST(Orders, NobodySavesUpServiceWhileAbsent) {
  // Tenant 1 has been served for a while when tenant 2 comes: it starts from tenant 1's counter,
  // and does not have all its requests served first.
  std::vector<Request> requests;
  for (std::int64_t id = 0; id < 6; ++id) {
    requests.push_back(now(id, 4, 2, 1));
  }
  for (std::int64_t id = 6; id < 9; ++id) {
    requests.push_back(later(now(id, 4, 2, 2), 50));
  }
  EXPECT_EQ(ends(one_at_a_time(Order::vtc), requests), "0 1 2 6 3 7 4 8 5");
}

TEST(Orders, WhoHasUsedUpAQuantumGivesWay) {
  // 0 joins at level 1 (its prefill of 11 ms exceeds 10 ms), falls after 20 ms and 40 ms, and gives
  // way to 1, which joins at level 1 as well.
  const std::vector<Request> requests{now(0, 10, 20), later(now(1, 10, 2), 40)};
  StepLog log;
  run_listed(one_at_a_time(Order::mlfq), requests, log);
  EXPECT_EQ(ends(one_at_a_time(Order::fcfs), requests), "0 1");
  EXPECT_EQ(ends(one_at_a_time(Order::mlfq), requests), "1 0");
  EXPECT_EQ(log.lines.at(4), "1:10:p preempt 0");
  EXPECT_EQ(log.lines.at(6), "0:14:p");
}

// Forty prompts of 75 steps each, of which none would be through before it has used up its quanta,
// and of which all are promoted again before the last of them has had its turn.
TEST(Orders, WhoIsSentAwayHasComeFurther) {
  Scenario scenario = one_at_a_time(Order::mlfq);
  std::get<VllmV1Spec>(scenario.engine.policy).max_num_batched_tokens = Tokens{2};
  std::vector<Request> requests;
  for (std::int64_t id = 0; id < 40; ++id) {
    requests.push_back(now(id, 150, 3));
  }
  struct Watch final : Recorder {
    void on_step(const StepRecord& record) override {
      if (record.iteration > 50'000) {
        throw std::runtime_error("they take turns for ever");
      }
    }
    void on_request_end(const RequestRecord&) override { ++ended; }
    std::size_t ended = 0;
  } watch;
  ASSERT_NO_THROW(run_listed(scenario, requests, watch));
  EXPECT_EQ(watch.ended, requests.size());
}

TEST(Orders, AreRefusedWhereTheEngineKnowsThemNot) {
  EXPECT_EQ(why_not_in_order(VllmV0Spec{.version = VllmV0Version::v0_4, .order = Order::priority}),
            "the policy 'vllm_v0' as set does not serve in the order 'priority'; take fcfs, or the "
            "policy vllm_v1 without async_scheduling, which knows all of them");
  EXPECT_FALSE(why_not_in_order(OrcaSpec{.order = Order::mlfq}).empty());
  EXPECT_FALSE(why_not_in_order(VllmV1Spec{.order = Order::vtc, .async_scheduling = true}).empty());
  EXPECT_TRUE(why_not_in_order(OrcaSpec{.order = Order::vtc}).empty());
  EXPECT_TRUE(why_not_in_order(VllmV1Spec{.order = Order::mlfq}).empty());
}

TEST(Orders, OrcaAdmitsInThem) {
  Scenario scenario = one_at_a_time(Order::fcfs);
  scenario.engine.policy = OrcaSpec{.order = Order::sjf, .max_num_seqs = 1};
  scenario.engine.kv_cache = ContiguousKvSpec{.reserve = Reserve::oracle};
  EXPECT_EQ(ends(scenario, {now(0, 10, 9), now(1, 10, 3), now(2, 4, 8)}), "2 1 0");
}

}  // namespace
}  // namespace tessera
