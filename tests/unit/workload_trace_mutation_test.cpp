// Random damage to good traces: a trace, or a complaint with a place; never a crash, a hang, or
// rows that break what readers promise. Seeded, so that every failure repeats.
#include <gtest/gtest.h>

#include "sim/workload/uniform.hpp"
#include "tests/unit/workload_builders.hpp"

namespace tessera {
namespace {

using workload_test::trace_of;

const std::array<std::string, 4> good_traces{
    "arrived_at,num_prefill_tokens,num_decode_tokens\n0.5,100,10\n0.75,200,20\n8.5e1,1,2\n9,\"3\","
    "4\n",
    "TIMESTAMP,ContextTokens,GeneratedTokens\r\n2023-11-30 23:59:59.6805900,374,44\r\n"
    "2023-12-01 00:00:00.6805901+00:00,396,109\r\n",
    "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    "5,1,0.3,ChatGPT,472,18,490,Conversation log\n45,2,0.1,\"GPT-4, new\",1087,0,1317,API log\n",
    "{\"timestamp\": 0, \"input_length\": 1025, \"output_length\": 5, \"hash_ids\": [0, 1, 2]}\n"
    "{\"timestamp\": 27.5, \"input_length\": 1025, \"x\": {\"y\": [null, true, \"\\\"\"]}, "
    "\"output_length\": 5}\n"};

std::string mutated(std::string text, RandomStream& random) {
  const std::string alphabet =
      "0123456789,,,\"\"{}[]:.eE+- \t\r\n\\Zx\xC3\xFF" + std::string(1, '\0');
  const std::int64_t num_changes = draw_between(random, 1, 3);
  for (std::int64_t i = 0; i < num_changes && !text.empty(); ++i) {
    const auto at = static_cast<std::size_t>(
        draw_between(random, 0, static_cast<std::int64_t>(text.size()) - 1));
    const char c = alphabet[static_cast<std::size_t>(
        draw_between(random, 0, static_cast<std::int64_t>(alphabet.size()) - 1))];
    const auto length = static_cast<std::size_t>(draw_between(random, 1, 12));
    switch (draw_between(random, 0, 5)) {
      case 0:
        text[at] = c;
        break;
      case 1:
        text.insert(at, 1, c);
        break;
      case 2:
        text.erase(at, length);
        break;
      case 3:
        text.insert(at, text.substr(text.size() - std::min(text.size(), length)));
        break;
      case 4:
        text.resize(at);
        break;
      default:
        text[at] = static_cast<char>(text[at] ^ (1 << draw_between(random, 0, 7)));
    }
  }
  return text;
}

void expect_sound(const Trace& trace) {
  ASSERT_FALSE(trace.rows.empty());
  Duration last;
  for (const TraceRow& row : trace.rows) {
    ASSERT_GE(row.arrival, last);
    last = row.arrival;
    ASSERT_GE(row.prompt, 1U);
    ASSERT_GE(row.output, 1U);
    ASSERT_LE(trace.pieces_of(row).size(), trace.pieces.size());
  }
  ASSERT_EQ(trace.rows.front().arrival, Duration{});
}

TEST(TraceMutations, GiveATraceOrAComplaintWithItsPlace) {
  RandomStream random(20'240'101, "mutations");
  std::int64_t num_read = 0;
  std::int64_t num_refused = 0;
  for (int round = 0; round < 40'000; ++round) {
    const std::string text =
        mutated(good_traces[static_cast<std::size_t>(round) % good_traces.size()], random);
    TraceArrivals spec;
    spec.rate_scale = round % 3 == 0 ? 0.05 : 1.0;
    spec.format = static_cast<TraceFormat>(round % 25 < 20 ? 0 : round % 25 - 20);
    SCOPED_TRACE("round " + std::to_string(round));
    try {
      expect_sound(trace_of(text, spec));
      ++num_read;
    } catch (const BadInput& bad) {
      ++num_refused;
      ASSERT_EQ(bad.diagnostics().size(), 1U);
      ASSERT_EQ(bad.diagnostics()[0].place.file, "t.csv");
      ASSERT_FALSE(bad.diagnostics()[0].message.empty());
      ASSERT_EQ(std::string(bad.what()).find('\n'), std::string::npos);
    }
    if (HasFatalFailure()) {
      FAIL() << text;
    }
  }
  // Both happen often: else the mutations test nothing.
  EXPECT_GT(num_read, 2'000);
  EXPECT_GT(num_refused, 10'000);
}

}  // namespace
}  // namespace tessera
