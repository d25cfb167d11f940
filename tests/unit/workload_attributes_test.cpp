// What requests carry beside a time and lengths: from the scenario, from a trace, and through the
// turns of a conversation.
#include <gtest/gtest.h>

#include <array>
#include <map>

#include "tests/unit/workload_builders.hpp"

namespace tessera {
namespace {

using workload_test::complaint_about;
using workload_test::make_source;
using workload_test::requests_of;
using workload_test::TemporaryFolder;
using workload_test::trace_of;

WorkloadSpec constant(std::int64_t requests) {
  WorkloadSpec spec;
  spec.arrivals = ConstantArrivals{Rate{1.0}};
  spec.prompt_tokens = FixedLength{Tokens{10}};
  spec.output_tokens = FixedLength{Tokens{5}};
  spec.requests = requests;
  return spec;
}

TEST(RequestAttributes, TenantsHaveTheirShares) {
  WorkloadSpec spec = constant(6'000);
  spec.tenants = CategorySpec{3, 1.0};
  spec.priorities = CategorySpec{2, 0.0};
  std::array<std::int64_t, 3> tenants{};
  std::array<std::int64_t, 2> priorities{};
  for (const Request& request : requests_of(spec)) {
    ++tenants.at(static_cast<std::size_t>(request.tenant));
    ++priorities.at(static_cast<std::size_t>(request.priority));
  }
  // 1 : 1/2 : 1/3 of 6,000 are 3,273, 1,636 and 1,091; within four standard deviations.
  EXPECT_NEAR(static_cast<double>(tenants[0]), 3'273, 155);
  EXPECT_NEAR(static_cast<double>(tenants[1]), 1'636, 138);
  EXPECT_NEAR(static_cast<double>(tenants[2]), 1'091, 119);
  EXPECT_NEAR(static_cast<double>(priorities[0]), 3'000, 155);
}

TEST(RequestAttributes, DeadlineAndTimeoutCountFromTheArrival) {
  WorkloadSpec spec = constant(2);
  spec.deadline = Duration::seconds(3);
  spec.client_timeout = Duration::seconds(7);
  const auto source = make_source(spec);
  EXPECT_TRUE(source->traits().gives_up);
  static_cast<void>(source->pop());
  const Request second = source->pop();
  EXPECT_EQ(second.deadline, SimTime::at(Duration::seconds(5)));
  EXPECT_EQ(second.gives_up_at, SimTime::at(Duration::seconds(9)));
  EXPECT_EQ(second.gives_up, GivesUp::times_out);
  EXPECT_FALSE(make_source(constant(1))->traits().gives_up);
}

TEST(RequestAttributes, AFractionIsCancelledAfterAnExponentialTime) {
  WorkloadSpec spec = constant(10'000);
  spec.cancellations = CancellationSpec{0.25, Duration::seconds(2)};
  double cancelled = 0;
  double seconds = 0;
  for (const Request& request : requests_of(spec)) {
    if (request.gives_up_at < SimTime::max()) {
      EXPECT_EQ(request.gives_up, GivesUp::cancels);
      cancelled += 1;
      seconds += (request.gives_up_at - request.arrival).to_seconds();
    }
  }
  EXPECT_NEAR(cancelled, 2'500, 175);
  EXPECT_NEAR(seconds / cancelled, 2.0, 0.16);
}

TEST(RequestAttributes, ASharedPrefixComesBeforeTheDrawnPrompt) {
  WorkloadSpec spec = constant(200);
  spec.shared_prefixes = SharedPrefixSpec{2, 0.0, Tokens{100}};
  std::map<std::int64_t, std::uint64_t> first_keys;
  for (const Request& request : requests_of(spec)) {
    EXPECT_EQ(request.prompt, Tokens{110});
    const auto [at, is_new] =
        first_keys.emplace(request.content.group, request.content.key(Tokens{99}));
    EXPECT_EQ(at->second, request.content.key(Tokens{99}));
  }
  EXPECT_EQ(first_keys.size(), 2U);
}

TEST(RequestAttributes, ArrivalsAndLengthsStayAsTheyAreWithout) {
  WorkloadSpec spec = constant(50);
  spec.arrivals = PoissonArrivals{Rate{1.0}};
  spec.prompt_tokens = LognormalLength{};
  WorkloadSpec with = spec;
  with.tenants = CategorySpec{4, 0.0};
  with.cancellations = CancellationSpec{};
  const std::vector<Request> plain = requests_of(spec);
  const std::vector<Request> shaped = requests_of(with);
  ASSERT_EQ(plain.size(), shaped.size());
  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_EQ(plain[i].arrival, shaped[i].arrival);
    EXPECT_EQ(plain[i].prompt, shaped[i].prompt);
  }
}

TEST(Conversations, ATurnsPromptIsAllThatWasSaidAndMore) {
  WorkloadSpec spec = constant(1'000);
  spec.conversations = ConversationSpec{5.0, Duration::seconds(1)};
  const auto source = make_source(spec);
  std::map<std::int64_t, Request> last;
  std::int64_t followed = 0;
  SimTime now;
  while (source->next_arrival() < SimTime::max()) {
    now = source->next_arrival();
    const Request request = source->pop();
    const auto before = last.find(request.content.conversation);
    if (before == last.end()) {
      EXPECT_EQ(request.prompt, Tokens{10});
    } else {
      ++followed;
      EXPECT_EQ(request.prompt, before->second.prompt + Tokens{5} + Tokens{10});
      EXPECT_EQ(request.content.key(Tokens{3}), before->second.content.key(Tokens{3}));
      EXPECT_GE(request.arrival, before->second.arrival + Duration::milliseconds(100));
    }
    last.insert_or_assign(request.content.conversation, request);
    source->on_end(request, now + Duration::milliseconds(100));
  }
  EXPECT_EQ(source->counts().requests, 1'000);
  // Four of five turns follow another, but for conversations that are cut off at the end.
  EXPECT_NEAR(static_cast<double>(followed), 790.0, 40.0);
}

TEST(Conversations, EndBeforeTheyOutgrowTheContextAndWhenTheirClientHasGone) {
  WorkloadSpec spec = constant(500);
  spec.conversations = ConversationSpec{1e6, Duration{}};
  spec.max_total_tokens = Tokens{45};
  spec.requests = 300;
  const auto source = make_source(spec);
  std::map<std::int64_t, std::int64_t> turns;
  while (source->next_arrival() < SimTime::max()) {
    Request request = source->pop();
    EXPECT_LE(request.prompt + request.output, Tokens{45});
    ++turns[request.content.conversation];
    if (request.content.conversation % 2 == 1) {
      request.gives_up_at = request.arrival;
    }
    source->on_end(request, request.arrival);
  }
  for (const auto& [conversation, count] : turns) {
    EXPECT_EQ(count, conversation % 2 == 1 ? 1 : 3) << conversation;
  }
}

const std::string header = "arrived_at,num_prefill_tokens,num_decode_tokens";

TEST(TraceAttributes, ComeFromColumnsWithTheirNames) {
  const TemporaryFolder folder;
  WorkloadSpec spec;
  TraceArrivals trace;
  trace.file.path = folder.write("t.csv", header +
                                              ",tenant,priority,deadline_s,cancel_after_s\n"
                                              "0,10,5,3,1,2.5,\n1,10,5,3,1,2.5,\n2,10,5,,,,4\n");
  spec.arrivals = trace;
  const auto source = make_source(spec);
  EXPECT_TRUE(source->traits().gives_up);
  const Request first = source->pop();
  EXPECT_EQ(first.tenant, 3);
  EXPECT_EQ(first.priority, 1);
  EXPECT_EQ(first.deadline, SimTime::at(Duration::milliseconds(2'500)));
  EXPECT_EQ(first.gives_up_at, SimTime::max());
  EXPECT_EQ(source->pop().deadline, SimTime::at(Duration::milliseconds(3'500)));
  const Request third = source->pop();
  EXPECT_EQ(third.tenant, 0);
  EXPECT_EQ(third.deadline, SimTime::max());
  EXPECT_EQ(third.gives_up_at, SimTime::at(Duration::seconds(6)));
  EXPECT_EQ(third.gives_up, GivesUp::cancels);
}

TEST(TraceAttributes, ComeFromKeysOfJsonLines) {
  const Trace trace =
      trace_of(R"({"timestamp": 0, "input_length": 5, "output_length": 2, "priority": 4,)"
               R"( "cancel_after_s": 1})"
               "\n"
               R"({"timestamp": 1, "input_length": 5, "output_length": 2})");
  EXPECT_EQ(trace.attributes.at(trace.rows.at(0).attributes_at).priority, 4);
  EXPECT_EQ(trace.attributes.at(trace.rows.at(0).attributes_at).cancel_after, Duration::seconds(1));
  EXPECT_EQ(trace.rows.at(1).attributes_at, 0U);
}

TEST(TraceAttributes, AreRefusedWithTheirLine) {
  EXPECT_EQ(complaint_about(header + ",tenant\n0,10,5,me\n"),
            "t.csv:2: error: column 'tenant' must be a whole number, 0 to 1000000000, not 'me'");
}

}  // namespace
}  // namespace tessera
