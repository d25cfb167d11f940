// vLLM v1's parallel sampling: the sequences of a request are served as requests of their own.
#include <gtest/gtest.h>

#include "tests/support/scenarios.hpp"
#include "tests/support/step_log.hpp"

namespace tessera {
namespace {

using Lines = std::vector<std::string>;

class FamilyLog final : public Recorder {
 public:
  void on_step(const StepRecord& record) override { steps.on_step(record); }
  void on_usage(const UsageRecord& record) override { record.ledger.audit(); }
  void on_request_end(const RequestRecord& record) override { ended.push_back(record); }
  void on_request_kv(const RequestKvRecord& record) override { kv.push_back(record); }
  [[nodiscard]] bool wants_request_kv() const override { return true; }

  StepLog steps;
  std::vector<RequestRecord> ended;
  std::vector<RequestKvRecord> kv;
};

Scenario v1_engine(const VllmV1Spec& policy, std::int64_t num_blocks) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy = policy;
  PagedKvSpec paged;
  paged.num_blocks = Blocks{num_blocks};
  scenario.engine.kv_cache = paged;
  return scenario;
}

Request of_several(std::int64_t id, std::int64_t prompt, std::int64_t output, std::int64_t n) {
  Request request = a_request(id, Duration{}, Tokens{prompt}, Tokens{output});
  request.num_sequences = n;
  return request;
}

TEST(ChildRequests, AreNamedByIndexAndComputeThePromptEach) {
  FamilyLog log;
  run_listed(v1_engine(VllmV1Spec{}, 64), {of_several(5, 20, 2, 3)}, log);
  EXPECT_EQ(log.steps.lines, (Lines{"0_5:20:p 1_5:20:p 2_5:20:p",
                                    "0_5:1:d 1_5:1:d 2_5:1:d finish 0_5 finish 1_5 finish 2_5"}));
}

TEST(ChildRequests, ShareThePromptsFullBlocksThroughThePrefixCache) {
  Scenario scenario = v1_engine(VllmV1Spec{}, 64);
  std::get<PagedKvSpec>(scenario.engine.kv_cache).prefix_caching = true;
  FamilyLog log;
  run_listed(scenario, {of_several(0, 40, 20, 3)}, log);
  // Two full blocks of the prompt are found; the third block is each child's own, and so is what
  // it samples: 2 + 3 blocks, and at the end 2 + 3 · 2.
  EXPECT_EQ(log.steps.lines.at(0), "0_0:40:p 1_0:8:p 2_0:8:p hit 1_0:32 hit 2_0:32");
  EXPECT_EQ(log.steps.free_after_schedule.front(), 63 - 5);
  EXPECT_EQ(log.steps.free_after_schedule.back(), 63 - 8);
}

TEST(ChildRequests, EndAsOneRequestWithTheLastOfThem) {
  FamilyLog log;
  // One runs at a time.
  run_listed(v1_engine(VllmV1Spec{.max_num_seqs = 1}, 64), {of_several(0, 10, 2, 2)}, log);
  ASSERT_EQ(log.ended.size(), 1U);
  const RequestRecord& request = log.ended.front();
  EXPECT_EQ(request.request.num_sequences, 2);
  EXPECT_EQ(request.output, Tokens{2});
  EXPECT_EQ(*request.scheduled, SimTime{});
  // Steps of 10 ms + 1 ms, and 10 ms + 0.1 ms + 1.1 us: twice.
  const Duration prefill = Duration::milliseconds(11);
  const Duration decode = Duration::nanoseconds(10'101'100);
  EXPECT_EQ(*request.first_token, SimTime::at(prefill));
  EXPECT_EQ(request.ended, SimTime::at((prefill + decode) * 2));
  EXPECT_EQ(request.phases.total(), (prefill + decode) * 2);
  EXPECT_EQ(request.phases.queued_slot, prefill + decode);
  EXPECT_EQ(request.kv_peak_reserved, Bytes{16 * 256});
}

TEST(ChildRequests, HoldKvTogether) {
  FamilyLog log;
  run_listed(v1_engine(VllmV1Spec{}, 64), {of_several(0, 20, 2, 3)}, log);
  EXPECT_EQ(log.ended.at(0).kv_peak_reserved, Bytes{3 * 2 * 16 * 256});
  EXPECT_EQ(log.ended.at(0).kv_peak_written, Bytes{3 * 21 * 256});
  EXPECT_EQ(log.kv.back().reserved, Bytes{0});
}

TEST(ChildRequests, ArePreemptedOneByOne) {
  FamilyLog log;
  // Two usable blocks for two children that need two each.
  run_listed(v1_engine(VllmV1Spec{}, 3), {of_several(0, 16, 2, 2)}, log);
  EXPECT_EQ(log.steps.lines,
            (Lines{"0_0:16:p 1_0:16:p", "0_0:1:d preempt 1_0 finish 0_0", "1_0:17:p finish 1_0"}));
  EXPECT_EQ(log.ended.at(0).num_preemptions, 1);
}

TEST(ChildRequests, TieByTheirNamesAsText) {
  FamilyLog log;
  run_listed(v1_engine(VllmV1Spec{.order = Order::priority, .max_num_seqs = 3}, 64),
             {of_several(0, 16, 1, 2), of_several(1, 16, 1, 2)}, log);
  EXPECT_EQ(log.steps.lines.at(0), "0_0:16:p 0_1:16:p 1_0:16:p finish 0_0 finish 0_1 finish 1_0");
}

TEST(ChildRequests, LeaveTogetherWithTheirClient) {
  Request request = of_several(0, 16, 100, 2);
  request.gives_up_at = SimTime::at(Duration::milliseconds(15));
  request.gives_up = GivesUp::cancels;
  FamilyLog log;
  run_listed(v1_engine(VllmV1Spec{.async_scheduling = true}, 64), {request}, log);
  ASSERT_EQ(log.ended.size(), 1U);
  EXPECT_EQ(log.ended.at(0).status, RequestStatus::cancelled);
  EXPECT_EQ(log.kv.back().reserved, Bytes{0});
}

TEST(ChildRequests, AreRejectedAsOneRequest) {
  FamilyLog log;
  run_listed(v1_engine(VllmV1Spec{}, 3), {of_several(0, 100, 2, 2)}, log);
  ASSERT_EQ(log.ended.size(), 1U);
  EXPECT_EQ(log.ended.at(0).status, RequestStatus::rejected);
  EXPECT_EQ(log.ended.at(0).request.num_sequences, 2);
}

}  // namespace
}  // namespace tessera
