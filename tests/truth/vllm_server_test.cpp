// A real vLLM 0.19 server on an RTX 4090 (Llama-3.1-8B in bf16, 300 requests; measured by
// LLMServingSim, MIT licence) against its simulation: with its kernel tables and nothing fitted,
// and with the roofline alone.
//
// The first request met a cold server (0.69 s to its first token), which is not modelled. Which
// requests are preempted is chaotic, so that errors below 1 % mean nothing.
#include "tests/truth/vllm_server.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "tessera/config/load.hpp"
#include "tessera/engine/simulate.hpp"
#include "tests/support/temporary_folder.hpp"

namespace tessera {
namespace {

const std::string data = TESSERA_DATA_DIR;
const std::string measured = data + "/measured/vllm_rtx4090";

// Latencies in seconds, of all requests.
struct Served {
  std::vector<double> ttft;
  std::vector<double> tpot;
  double makespan = 0.0;
  std::int64_t blocks = 0;
};

double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double percentile(std::vector<double> values, double fraction) {
  std::sort(values.begin(), values.end());
  const double at = fraction * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - std::floor(at)) * (values[above] - values[below]);
}

struct MeasuredRequest {
  double queued;
  double first_token;
  double last_token;
  std::int64_t prompt;
  std::int64_t output;
};

std::vector<MeasuredRequest> read_requests() {
  std::ifstream file(measured + "/requests.jsonl");
  std::vector<MeasuredRequest> requests;
  for (std::string line; std::getline(file, line);) {
    const boost::json::object row = boost::json::parse(line).as_object();
    requests.push_back({row.at("queued_ts").as_double(), row.at("first_token_ts").as_double(),
                        row.at("last_token_ts").as_double(), row.at("input_toks").as_int64(),
                        row.at("output_toks").as_int64()});
  }
  std::sort(requests.begin(), requests.end(),
            [](const auto& a, const auto& b) { return a.queued < b.queued; });
  return requests;
}

Served measured_service(const std::vector<MeasuredRequest>& requests) {
  Served served;
  for (const MeasuredRequest& request : requests) {
    served.ttft.push_back(request.first_token - request.queued);
    if (request.output > 1) {
      served.tpot.push_back((request.last_token - request.first_token) /
                            static_cast<double>(request.output - 1));
    }
    served.makespan = std::max(served.makespan, request.last_token - requests.front().queued);
  }
  return served;
}

class ServedRecorder final : public Recorder {
 public:
  void on_start(const NodeRecord& node) override {
    served.blocks = node.kv_blocks ? node.kv_blocks->count() : 0;
  }
  void on_request_end(const RequestRecord& record) override {
    if (const auto ttft = record.ttft()) {
      served.ttft.push_back(ttft->to_seconds());
    }
    if (const auto tpot = record.tpot()) {
      served.tpot.push_back(tpot->to_seconds());
    }
    served.makespan = std::max(served.makespan, record.ended.since_start().to_seconds());
  }
  Served served;
};

// The server as its settings say. `pool` is what the KV cache says of its size.
std::string scenario_of(const std::string& cost, const std::string& pool) {
  return "hardware: {gpu: rtx4090}\n"
         "model: llama-3.1-8b\n"
         "precision: {weights: bf16, kv_cache: bf16, compute: bf16}\n"
         "engine:\n"
         "  policy: {kind: vllm_v1, version: '0.20', async_scheduling: true, max_num_seqs: 256,"
         " max_num_batched_tokens: 2048}\n"
         "  kv_cache: {kind: paged, block_size: 16, prefix_caching: true" +
         pool +
         "}\n"
         "  memory: {utilization: 0.90}\n"
         "  max_model_len: 32768\n"
         "cost: " +
         cost + "\nworkload:\n  arrivals: {kind: trace, file: trace.csv}\n";
}

Served simulated(const std::vector<MeasuredRequest>& requests, const std::string& cost,
                 const std::string& pool) {
  const TemporaryFolder folder;
  std::ofstream trace(folder.path() / "trace.csv");
  trace << "arrived_at,num_prefill_tokens,num_decode_tokens\n";
  for (const MeasuredRequest& request : requests) {
    char line[96];
    std::snprintf(line, sizeof line, "%.9f,%lld,%lld\n", request.queued - requests.front().queued,
                  static_cast<long long>(request.prompt), static_cast<long long>(request.output));
    trace << line;
  }
  trace.close();
  const ScenarioText text(scenario_of(cost, pool), "server", folder.path().string());
  ServedRecorder recorder;
  Diagnostics notes;
  simulate(text.load({}).scenario, recorder, notes);
  return recorder.served;
}

struct Limits {
  double mean_ttft;
  double ttft_percentile;
  double mean_tpot;
  double makespan;
};

void expect_within(const char* title, const Served& simulated, const Served& real,
                   const Limits& percent) {
  std::printf("%s\n", title);
  const auto compare = [](const char* name, double ours, double theirs, double limit) {
    const double error = 100.0 * (ours / theirs - 1.0);
    std::printf("  %-12s %10.4f s, measured %10.4f s: %+.2f %%\n", name, ours, theirs, error);
    EXPECT_LE(std::fabs(error), limit) << name;
  };
  ASSERT_EQ(simulated.ttft.size(), real.ttft.size());
  compare("mean TTFT", mean(simulated.ttft), mean(real.ttft), percent.mean_ttft);
  for (const double fraction : {0.5, 0.99}) {
    compare(fraction < 0.9 ? "p50 TTFT" : "p99 TTFT", percentile(simulated.ttft, fraction),
            percentile(real.ttft, fraction), percent.ttft_percentile);
  }
  compare("mean TPOT", mean(simulated.tpot), mean(real.tpot), percent.mean_tpot);
  compare("makespan", simulated.makespan, real.makespan, percent.makespan);
}

constexpr double real_blocks = 2588.0;

std::string kernel_tables() {
  return "{kind: profiled, dense: " + measured + "/dense.csv, attention: " + measured +
         "/attention.csv, per_sequence: " + measured + "/per_sequence.csv}";
}

// Block 0 stands for none and is given to nobody.
double pool_of_first_principles() {
  return static_cast<double>(simulated(read_requests(), "{kind: roofline}", "").blocks) + 1.0;
}

TEST(VllmServer, IsMetByItsKernelTablesAndByTheRoofline) {
  if (data.empty()) {
    std::puts("SKIPPED: no TESSERA_DATA, so the vLLM server was not compared");
    return;
  }
  const auto requests = read_requests();
  ASSERT_EQ(requests.size(), 300u);
  const Served real = measured_service(requests);
  expect_within("profiled, nothing fitted to the run:",
                simulated(requests, kernel_tables(), ", num_blocks: 2588"), real,
                {3.0, 3.0, 2.0, 1.5});
  expect_within("roofline alone:", simulated(requests, "{kind: roofline}", ", num_blocks: 2588"),
                real, {15.0, 15.0, 15.0, 15.0});
}

TEST(VllmServer, ThePoolFollowsFromTheModelAndTheCard) {
  if (data.empty()) {
    std::puts("SKIPPED: no TESSERA_DATA, so the vLLM server's pool was not compared");
    return;
  }
  const double blocks = pool_of_first_principles();
  std::printf("KV pool: %.0f blocks, measured %.0f: %+.2f %%\n", blocks, real_blocks,
              100.0 * (blocks / real_blocks - 1.0));
  EXPECT_NEAR(blocks, real_blocks, 0.05 * real_blocks);
}

}  // namespace

std::vector<truth::TruthRow> truth::vllm_server_rows() {
  const auto requests = read_requests();
  const Served real = measured_service(requests);
  const std::string name = "vLLM on an RTX 4090";
  std::vector<TruthRow> rows;
  for (const std::string kind : {"profiled", "roofline"}) {
    const std::string cost = kind == "profiled" ? kernel_tables() : "{kind: roofline}";
    const Served ours = simulated(requests, cost, ", num_blocks: 2588");
    rows.push_back({name,
                    "TTFT, TPOT, makespan (" + kind + ")",
                    "held out",
                    {{"mean TTFT", mean(real.ttft), mean(ours.ttft)},
                     {"p50 TTFT", percentile(real.ttft, 0.5), percentile(ours.ttft, 0.5)},
                     {"p99 TTFT", percentile(real.ttft, 0.99), percentile(ours.ttft, 0.99)},
                     {"mean TPOT", mean(real.tpot), mean(ours.tpot)},
                     {"makespan", real.makespan, ours.makespan}}});
  }
  rows.push_back(
      {name, "KV pool", "held out", {{"blocks", real_blocks, pool_of_first_principles()}}});
  return rows;
}

}  // namespace tessera
