// Requests of several sequences: what they share, what they copy, and what they ask for.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <boost/random/lognormal_distribution.hpp>
#include <cmath>

#include "tessera/core/diagnostic.hpp"
#include "tessera/core/random.hpp"
#include "tests/support/scenarios.hpp"
#include "tests/support/step_log.hpp"

namespace tessera {
namespace {

constexpr std::int64_t block_bytes = 16 * 256;

class GroupLog final : public Recorder {
 public:
  void on_step(const StepRecord& record) override {
    free.push_back(record.free_blocks_after_schedule->count());
    copied.push_back(record.step->work.copied.count() / block_bytes);
    shapes.push_back(record.shape);
    swapped_out += static_cast<std::int64_t>(record.step->swapped_out.size());
    preempted += static_cast<std::int64_t>(record.step->preempted.size());
  }
  void on_usage(const UsageRecord& record) override { usages.push_back(record.ledger.kv); }
  void on_request_end(const RequestRecord& record) override { ended.push_back(record); }

  std::vector<std::int64_t> free;
  std::vector<std::int64_t> copied;
  std::vector<StepShape> shapes;
  std::vector<KvUsage> usages;
  std::vector<RequestRecord> ended;
  std::int64_t swapped_out = 0;
  std::int64_t preempted = 0;
};

Scenario v0_engine(std::int64_t num_blocks) {
  Scenario scenario = tiny_scenario();
  scenario.engine.policy = VllmV0Spec{};
  PagedKvSpec paged;
  paged.num_blocks = Blocks{num_blocks};
  paged.watermark = 0.0;
  scenario.engine.kv_cache = paged;
  scenario.hardware.gpu.link_bandwidth = Bandwidth{1e12};
  return scenario;
}

Request group(std::int64_t id, std::int64_t prompt, std::int64_t output, std::int64_t n) {
  Request request = a_request(id, Duration{}, Tokens{prompt}, Tokens{output});
  request.num_sequences = n;
  return request;
}

TEST(ParallelSampling, SharesFullBlocksAndCopiesTheLastOnWriting) {
  GroupLog log;
  run_listed(v0_engine(64), {group(0, 50, 3, 3)}, log);
  // Four blocks of 16 hold the prompt of 50; then three are shared, and each has one of its own.
  EXPECT_EQ(log.free, (std::vector<std::int64_t>{60, 58, 58}));
  EXPECT_EQ(log.copied, (std::vector<std::int64_t>{0, 2, 0}));
}

TEST(ParallelSampling, AFullLastBlockNeedsNoCopy) {
  GroupLog log;
  run_listed(v0_engine(64), {group(0, 48, 3, 3)}, log);
  EXPECT_EQ(log.free, (std::vector<std::int64_t>{61, 58, 58}));
  EXPECT_EQ(log.copied, (std::vector<std::int64_t>{0, 0, 0}));
}

TEST(ParallelSampling, TheLedgerCountsWhatIsSharedOnce) {
  GroupLog log;
  run_listed(v0_engine(64), {group(0, 50, 3, 3)}, log);
  // While the last step runs: 48 entries in common, 2 + 1 of each, and one more to come.
  const KvUsage& last = log.usages.at(log.usages.size() - 2);
  EXPECT_EQ(last.live, Bytes{256} * (48 + 3 * 3));
  EXPECT_EQ(last.reserved_future, Bytes{256} * 3);
  EXPECT_EQ(last.reserved(), Bytes{block_bytes} * 6);
}

TEST(ParallelSampling, OnePrefillServesAllAndEachDecodes) {
  GroupLog log;
  run_listed(v0_engine(64), {group(0, 50, 2, 3)}, log);
  EXPECT_EQ(log.shapes.at(0).prefill_tokens, Tokens{50});
  EXPECT_EQ(log.shapes.at(0).sampled_sequences, 1);
  EXPECT_EQ(log.shapes.at(1).decode_sequences, 3);
  EXPECT_EQ(log.shapes.at(1).decode_context, Tokens{3 * 51});
  EXPECT_EQ(log.shapes.at(1).sampled_sequences, 3);
}

// Blocks in use, summed over the steps.
std::int64_t block_steps(const std::vector<Request>& requests) {
  GroupLog log;
  run_listed(v0_engine(1'000), requests, log);
  std::int64_t used = 0;
  for (const std::int64_t free : log.free) {
    used += 1'000 - free;
  }
  return used;
}

TEST(ParallelSampling, SavesMoreMemoryTheMoreSequencesShareAPrompt) {
  // Lengths with about the means of Alpaca (PagedAttention, Fig. 11: 19.31 and 58.45 tokens). The
  // paper's Fig. 15 says 6.09, 8.53 and 9.79 percent for 2, 4 and 6 sequences; Alpaca's own
  // lengths, of which many prompts fill no block, are not at hand, so only the magnitude is held to
  // it.
  RandomStream stream(1, "alpaca");
  boost::random::lognormal_distribution<double> prompt(std::log(15.0), 0.7);
  boost::random::lognormal_distribution<double> output(std::log(42.0), 0.8);
  std::array<double, 3> shared{};
  std::array<double, 3> apart{};
  for (int i = 0; i < 100; ++i) {
    const auto s = std::max<std::int64_t>(std::llround(prompt(stream)), 1);
    const auto o = std::clamp<std::int64_t>(std::llround(output(stream)), 1, 400);
    const auto alone = static_cast<double>(block_steps({group(0, s, o, 1)}));
    for (std::size_t k = 0; k < 3; ++k) {
      const std::int64_t n = 2 * static_cast<std::int64_t>(k) + 2;
      shared[k] += static_cast<double>(block_steps({group(0, s, o, n)}));
      apart[k] += alone * static_cast<double>(n);
    }
  }
  const auto saved = [&](std::size_t k) { return 1.0 - shared.at(k) / apart.at(k); };
  EXPECT_GT(saved(0), 0.0609);
  EXPECT_GT(saved(1), saved(0));
  EXPECT_GT(saved(2), saved(1));
  EXPECT_LT(saved(2), 2 * 0.0979);
}

TEST(ParallelSampling, CountsAsManySequences) {
  GroupLog log;
  Scenario scenario = v0_engine(64);
  scenario.engine.policy = VllmV0Spec{.max_num_seqs = 5};
  run_listed(scenario, {group(0, 16, 2, 3), group(1, 16, 1, 3)}, log);
  // The second has no room beside the first.
  EXPECT_EQ(log.shapes.at(0).prefill_sequences, 1);
  EXPECT_EQ(log.ended.size(), 2U);
}

TEST(ParallelSampling, WantsAFreeBlockForEachAndIsSwappedOut) {
  GroupLog log;
  // Request 0 alone would be recomputed; the group 1 gives way, to host memory.
  run_listed(v0_engine(5), {group(0, 32, 3, 1), group(1, 30, 3, 2)}, log);
  EXPECT_EQ(log.swapped_out, 1);
  EXPECT_EQ(log.preempted, 1);
  ASSERT_EQ(log.ended.size(), 2U);
  EXPECT_EQ(log.ended.at(1).request.num_sequences, 2);
  EXPECT_EQ(log.ended.at(1).output, Tokens{3});
  EXPECT_GT(log.ended.at(1).phases.swapped, Duration{});
}

TEST(ParallelSampling, EndsWithTheReasonWhereHostMemoryIsFull) {
  Scenario scenario = v0_engine(5);
  scenario.engine.memory.swap_space = Bytes{0};
  GroupLog log;
  EXPECT_THROW(run_listed(scenario, {group(0, 32, 3, 1), group(1, 30, 3, 2)}, log), BadInput);
}

TEST(ParallelSampling, IsRefusedWhereNothingIsShared) {
  EXPECT_TRUE(why_no_groups(VllmV0Spec{}, PagedKvSpec{}, GroupKind::independent).empty());
  EXPECT_TRUE(why_no_groups(VllmV1Spec{}, PagedKvSpec{}, GroupKind::independent).empty());
  EXPECT_NE(why_no_groups(VllmV1Spec{}, PagedKvSpec{}, GroupKind::beams).find("no beam search"),
            std::string::npos);
  EXPECT_NE(why_no_groups(OrcaSpec{}, PagedKvSpec{}, GroupKind::independent)
                .find("take the policy vllm_v0"),
            std::string::npos);
  PagedKvSpec reserving;
  reserving.reserve = BlockReserve::max_model_len;
  EXPECT_NE(why_no_groups(VllmV0Spec{}, reserving, GroupKind::beams).find("does not share blocks"),
            std::string::npos);
}

}  // namespace
}  // namespace tessera
