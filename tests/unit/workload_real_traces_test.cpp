// The traces that the field uses, read whole: their published counts and quantiles.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "tests/unit/workload_builders.hpp"

namespace tessera {
namespace {

using workload_test::drain;
using workload_test::make_source;
using workload_test::requests_of;

// Nothing where the data are not at hand: said loudly.
std::optional<std::string> data_file(const std::string& name) {
  const std::string folder = TESSERA_DATA_DIR;
  if (folder.empty()) {
    std::fprintf(stderr, "\n*** SKIPPED: TESSERA_DATA is not set, so %s was not read ***\n\n",
                 name.c_str());
    return std::nullopt;
  }
  return folder + "/" + name;
}

WorkloadSpec replay(const std::string& file) {
  WorkloadSpec spec;
  TraceArrivals arrivals;
  arrivals.file = FilePath{file};
  spec.arrivals = arrivals;
  return spec;
}

struct Quantiles {
  double mean;
  double median;
  double p95;
};

Quantiles quantiles(std::vector<std::int64_t> values) {
  std::sort(values.begin(), values.end());
  const auto at = [&](double fraction) {
    const double place = fraction * static_cast<double>(values.size() - 1);
    const auto below = static_cast<std::size_t>(place);
    const std::size_t above = std::min(below + 1, values.size() - 1);
    return static_cast<double>(values[below]) +
           (place - std::floor(place)) * static_cast<double>(values[above] - values[below]);
  };
  double sum = 0.0;
  for (const std::int64_t value : values) {
    sum += static_cast<double>(value);
  }
  return {sum / static_cast<double>(values.size()), at(0.5), at(0.95)};
}

TEST(RealTrace, AzureConversations) {
  const auto file = data_file("traces/azure2023/AzureLLMInferenceTrace_conv.csv");
  if (!file) {
    return;
  }
  const auto requests = requests_of(replay(*file));
  ASSERT_EQ(requests.size(), 19'366U);
  std::vector<std::int64_t> prompts;
  std::vector<std::int64_t> outputs;
  std::int64_t within_2048 = 0;
  double gaps = 0.0;
  double squares = 0.0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    prompts.push_back(requests[i].prompt.count());
    outputs.push_back(requests[i].output.count());
    within_2048 += requests[i].prompt + requests[i].output <= Tokens{2048} ? 1 : 0;
    const double gap = i == 0 ? 0.0 : (requests[i].arrival - requests[i - 1].arrival).to_seconds();
    gaps += gap;
    squares += gap * gap;
  }
  EXPECT_EQ(requests.front().arrival, SimTime{});
  // 18:15:46.6805900 to 19:14:08.4025270
  EXPECT_EQ(requests.back().arrival.since_start(), Duration::nanoseconds(3'501'721'937'000));
  EXPECT_NEAR(quantiles(prompts).mean, 1155.0, 0.5);
  EXPECT_EQ(quantiles(prompts).median, 1020.0);
  EXPECT_NEAR(quantiles(prompts).p95, 4083.0, 0.5);
  EXPECT_NEAR(quantiles(outputs).mean, 211.0, 0.5);
  EXPECT_EQ(quantiles(outputs).median, 129.0);
  EXPECT_NEAR(quantiles(outputs).p95, 451.0, 0.5);
  const double n = static_cast<double>(requests.size()) - 1.0;
  EXPECT_NEAR(n / gaps, 5.53, 0.005);
  EXPECT_NEAR(std::sqrt(squares / n - (gaps / n) * (gaps / n)) / (gaps / n), 1.09, 0.01);
  EXPECT_NEAR(static_cast<double>(within_2048) / (n + 1.0), 0.85, 0.005);
}

TEST(RealTrace, AzureConversationsStretchedTwentyTimesKeepTheirShape) {
  const auto file = data_file("traces/azure2023/AzureLLMInferenceTrace_conv.csv");
  if (!file) {
    return;
  }
  WorkloadSpec spec = replay(*file);
  const auto plain = requests_of(spec);
  std::get<TraceArrivals>(spec.arrivals).rate_scale = 0.05;
  const auto stretched = requests_of(spec);
  ASSERT_EQ(plain.size(), stretched.size());
  for (std::size_t i = 0; i < plain.size(); ++i) {
    ASSERT_EQ(stretched[i].arrival.since_start(), plain[i].arrival.since_start() * 20);
  }
}

TEST(RealTrace, MooncakeConversations) {
  const auto file = data_file("traces/mooncake/conversation_trace.jsonl");
  if (!file) {
    return;
  }
  const auto source = make_source(replay(*file));
  const auto requests = drain(*source);
  ASSERT_EQ(requests.size(), 12'031U);
  EXPECT_EQ(requests[0].prompt, Tokens{6758});
  EXPECT_EQ(requests[0].content.hash_ids.size(), 14U);
  EXPECT_EQ(requests[0].content.key(Tokens{0}), requests[1].content.key(Tokens{0}));
  EXPECT_NE(requests[0].content.key(Tokens{512}), requests[1].content.key(Tokens{512}));
  for (const Request& request : requests) {
    // An id a begun piece of 512 tokens.
    ASSERT_EQ(static_cast<std::int64_t>(request.content.hash_ids.size()),
              divide_up(request.prompt, Tokens{512}));
  }
  EXPECT_EQ(requests.back().arrival, SimTime::at(Duration::milliseconds(3'536'999)));
}

TEST(RealTrace, ShareGptLengthsAreDrawnByTheRow) {
  const auto file = data_file("traces/sharegpt/sharegpt_8k_filtered_stats_llama2_tokenizer.csv");
  if (!file) {
    return;
  }
  WorkloadSpec spec;
  spec.requests = 20'000;
  spec.prompt_tokens = EmpiricalLength{FilePath{*file}, "num_prefill_tokens"};
  spec.output_tokens = EmpiricalLength{FilePath{*file}, "num_decode_tokens"};
  for (const Request& request : requests_of(spec)) {
    ASSERT_LE(request.prompt + request.output, Tokens{8192});
  }
}

}  // namespace
}  // namespace tessera
