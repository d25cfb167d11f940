// Clients who go away: what becomes of their requests, and when their memory is free again. A step
// takes 10 ms and 100 us a token; contexts are free.
#include <gtest/gtest.h>

#include <map>

#include "tests/support/scenarios.hpp"
#include "tests/support/step_log.hpp"

namespace tessera {
namespace {

using Lines = std::vector<std::string>;

class EndLog final : public Recorder {
 public:
  void on_request_end(const RequestRecord& record) override {
    ends.emplace(number_of(record.request.id), record);
  }
  [[nodiscard]] std::string of(std::int64_t id) const {
    const RequestRecord& record = ends.at(id);
    return std::string(name_of(record.status)) + " " +
           std::to_string(
               static_cast<std::int64_t>(record.ended.since_start().picoseconds() / 1'000'000)) +
           " " + std::to_string(record.output.count());
  }
  std::map<std::int64_t, RequestRecord> ends;
};

Scenario engine_of(const PolicySpec& policy, std::int64_t num_blocks) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy = policy;
  PagedKvSpec paged;
  paged.num_blocks = Blocks{num_blocks};
  scenario.engine.kv_cache = paged;
  AffineCostSpec cost;
  cost.per_context_token = Duration{};
  scenario.cost = cost;
  return scenario;
}

Request now(std::int64_t id, std::int64_t prompt, std::int64_t output) {
  return a_request(id, Duration{}, Tokens{prompt}, Tokens{output});
}

Request until(Request request, std::int64_t microseconds, GivesUp how = GivesUp::cancels) {
  request.gives_up_at = SimTime::at(Duration::microseconds(microseconds));
  request.gives_up = how;
  return request;
}

TEST(GivingUp, ARunningRequestLeavesAtTheBoundaryAndItsBlocksServeTheNextStep) {
  const Scenario scenario = engine_of(VllmV1Spec{}, 3);
  const std::vector<Request> requests{until(now(0, 16, 9), 12'000), now(1, 32, 1)};
  EndLog ends;
  run_listed(scenario, requests, ends);
  // The first step takes 11.6 ms, the second 10.1 ms: 0 leaves when it ends.
  EXPECT_EQ(ends.of(0), "cancelled 21700 2");
  EXPECT_EQ(ends.of(1), "finished 34900 1");
  StepLog log;
  run_listed(scenario, requests, log);
  EXPECT_EQ(log.lines, (Lines{"0:16:p", "0:1:d", "1:32:p finish 1"}));
}

TEST(GivingUp, AWaitingRequestLeavesItsQueue) {
  EndLog ends;
  run_listed(engine_of(VllmV1Spec{.max_num_seqs = 1}, 64),
             {now(0, 10, 3), until(now(1, 10, 1), 15'000, GivesUp::times_out), now(2, 10, 1)},
             ends);
  EXPECT_EQ(ends.of(1), "timed_out 21100 0");
  EXPECT_EQ(ends.ends.at(1).phases.queued_slot, Duration::microseconds(21'100));
  EXPECT_EQ(ends.of(2), "finished 42200 1");
}

TEST(GivingUp, WhoGaveUpBeforeBeingSeenNeverRuns) {
  EndLog ends;
  run_listed(engine_of(VllmV1Spec{}, 64),
             {now(0, 10, 2),
              until(a_request(1, Duration::microseconds(1'000), Tokens{10}, Tokens{1}), 2'000)},
             ends);
  EXPECT_EQ(ends.of(1), "cancelled 11000 0");
}

TEST(GivingUp, ALastTokenThatComesTooLateHasNotCome) {
  EndLog late;
  run_listed(engine_of(VllmV1Spec{}, 64), {until(now(0, 10, 2), 21'099)}, late);
  EXPECT_EQ(late.of(0), "cancelled 21100 2");
  EndLog in_time;
  run_listed(engine_of(VllmV1Spec{}, 64), {until(now(0, 10, 2), 21'100)}, in_time);
  EXPECT_EQ(in_time.of(0), "finished 21100 2");
}

TEST(GivingUp, SwappedRequestsGiveBackTheirHostMemory) {
  Scenario scenario = engine_of(VllmV0Spec{.preemption = Preemption::swap}, 2);
  std::get<PagedKvSpec>(scenario.engine.kv_cache).watermark = 0.0;
  scenario.hardware.gpu.link_bandwidth = Bandwidth{1e12};
  EndLog ends;
  run_listed(scenario, {now(0, 8, 5), until(now(1, 8, 5), 15'000), now(2, 8, 1)}, ends);
  EXPECT_EQ(ends.of(1), "cancelled 21700 1");
  EXPECT_GT(ends.ends.at(1).phases.swapped, Duration{});
  // Nobody is swapped out any more, so that 2 may be admitted.
  EXPECT_EQ(ends.of(2), "finished 32500 1");
}

TEST(GivingUp, ARowOfAStaticBatchGoesOn) {
  Scenario scenario = engine_of(StaticSpec{.max_num_seqs = 2}, 64);
  scenario.engine.kv_cache = ContiguousKvSpec{};
  EndLog ends;
  run_listed(scenario, {until(now(0, 10, 2), 1'000), now(1, 10, 3)}, ends);
  EXPECT_EQ(ends.of(0), "cancelled 32400 2");
  EXPECT_EQ(ends.of(1), "finished 32400 3");
}

TEST(GivingUp, AsynchronousStepsThatStillRunCountForNothing) {
  EndLog ends;
  run_listed(engine_of(VllmV1Spec{.async_scheduling = true}, 64),
             {until(now(0, 10, 9), 5'000), now(1, 10, 3)}, ends);
  // Step 1 was decided with it before step 0 ended.
  EXPECT_EQ(ends.of(0), "cancelled 12000 1");
  EXPECT_EQ(ends.of(1), "finished 32300 3");
}

}  // namespace
}  // namespace tessera
