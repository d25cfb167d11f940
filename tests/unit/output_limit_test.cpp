// Requests that may end before the most that they may generate: who reserves by the limit, who by
// the end, and what the ledger says of the difference.
#include <gtest/gtest.h>

#include "tests/support/scenarios.hpp"
#include "tests/support/step_log.hpp"

namespace tessera {
namespace {

class Ends final : public Recorder {
 public:
  void on_request_end(const RequestRecord& record) override { records.push_back(record); }
  std::vector<RequestRecord> records;
};

Request limited(std::int64_t prompt, std::int64_t output, std::int64_t limit) {
  Request request = a_request(0, Duration{}, Tokens{prompt}, Tokens{output});
  request.max_output = Tokens{limit};
  return request;
}

TEST(OutputLimit, CutsLongerOutputsAndSaysSo) {
  Ends ends;
  run_listed(tiny_scenario(), {limited(16, 100, 20)}, ends);
  ASSERT_EQ(ends.records.size(), 1U);
  EXPECT_EQ(ends.records[0].output, Tokens{20});
  EXPECT_EQ(ends.records[0].reason, EndReason::length);
  EXPECT_EQ(ends.records[0].status, RequestStatus::finished);
}

TEST(OutputLimit, LeavesShorterOutputsAlone) {
  Ends ends;
  run_listed(tiny_scenario(), {limited(16, 10, 20)}, ends);
  EXPECT_EQ(ends.records[0].output, Tokens{10});
  EXPECT_EQ(ends.records[0].reason, EndReason::none);
}

// Orca's rules are the paper's: (Pow2) and (Oracle) know the output itself.
TEST(OutputLimit, ContiguousReservationsKeepTheirMeaning) {
  KvSequence sequence;
  sequence.prompt = Tokens{100};
  sequence.output = Tokens{25};
  sequence.max_output = Tokens{512};
  KvPool pool;
  pool.bytes = Bytes{100'000};
  pool.bytes_per_token = Bytes{1};
  pool.max_model_len = Tokens{2048};
  const auto reserved = [&](Reserve reserve) {
    const auto kv = make_kv_cache(
        ContiguousKvSpec{.reserve = reserve, .placement = Placement::first_fit}, pool);
    KvWork work;
    EXPECT_EQ(kv->admit(sequence, Admission{.entries = Tokens{100}}, work), Grant::ok);
    return kv->usage().reserved();
  };
  EXPECT_EQ(reserved(Reserve::max), Bytes{2048});
  EXPECT_EQ(reserved(Reserve::pow2), Bytes{132});
  EXPECT_EQ(reserved(Reserve::oracle), Bytes{125});
}

}  // namespace
}  // namespace tessera
