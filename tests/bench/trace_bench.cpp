// How fast traces are read and requests are drawn.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <streambuf>
#include <string>
#include <utility>

#include "sim/workload/trace.hpp"
#include "tessera/workload/request_source.hpp"

namespace tessera {
namespace {

constexpr int num_rows = 100'000;

// Text that is read where it lies, so that nothing but reading is measured.
class TextInPlace final : public std::streambuf {
 public:
  explicit TextInPlace(std::string& text) {
    setg(text.data(), text.data(), text.data() + text.size());
  }
};

void read_many(benchmark::State& state, std::string text) {
  for (auto _ : state) {
    TextInPlace buffer(text);
    Diagnostics notes;
    const Trace trace = read_trace(buffer, "generated", TraceArrivals{}, notes);
    benchmark::DoNotOptimize(trace.rows.data());
  }
  state.SetItemsProcessed(state.iterations() * num_rows);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}

void read_vidur(benchmark::State& state) {
  std::string text = "arrived_at,num_prefill_tokens,num_decode_tokens\n";
  for (int i = 0; i < num_rows; ++i) {
    text += std::to_string(i) + ".123456," + std::to_string(i % 2000 + 1) + "," +
            std::to_string(i % 500 + 1) + "\n";
  }
  read_many(state, std::move(text));
}
BENCHMARK(read_vidur)->Unit(benchmark::kMillisecond);

void read_azure(benchmark::State& state) {
  std::string text = "TIMESTAMP,ContextTokens,GeneratedTokens\r\n";
  for (int i = 0; i < num_rows; ++i) {
    const int hour = i / 3600 % 24;
    const int minute = i / 60 % 60;
    const int second = i % 60;
    const auto two = [](int n) { return std::string(n < 10 ? "0" : "") + std::to_string(n); };
    text += "2023-11-" + two(i / 86'400 + 1) + " " + two(hour) + ":" + two(minute) + ":" +
            two(second) + ".6805900," + std::to_string(i % 4000 + 1) + "," +
            std::to_string(i % 500 + 1) + "\r\n";
  }
  read_many(state, std::move(text));
}
BENCHMARK(read_azure)->Unit(benchmark::kMillisecond);

void read_mooncake(benchmark::State& state) {
  std::string text;
  for (int i = 0; i < num_rows; ++i) {
    text += "{\"timestamp\": " + std::to_string(i * 30) +
            ", \"input_length\": 6758, \"output_length\": 500, \"hash_ids\": [0, 1, 2, 3, 4, 5, 6, "
            "7, 8, " +
            std::to_string(i) + "]}\n";
  }
  read_many(state, std::move(text));
}
BENCHMARK(read_mooncake)->Unit(benchmark::kMillisecond);

// Rows as long as those of the conversation trace that was published: 24 ids, 250 characters.
void read_mooncake_conversations(benchmark::State& state) {
  std::string text;
  for (int i = 0; i < num_rows; ++i) {
    text += "{\"timestamp\": " + std::to_string(i * 30) +
            ", \"input_length\": " + std::to_string(12'000 - i % 500) +
            ", \"output_length\": " + std::to_string(100 + i % 400) + ", \"hash_ids\": [0";
    for (int id = 100'000 + i; id < 100'023 + i; ++id) {
      text += ", " + std::to_string(id);
    }
    text += "]}\n";
  }
  read_many(state, std::move(text));
}
BENCHMARK(read_mooncake_conversations)->Unit(benchmark::kMillisecond);

void draw_requests(benchmark::State& state, const ArrivalSpec& arrivals, const LengthSpec& length) {
  WorkloadSpec spec;
  spec.arrivals = arrivals;
  spec.prompt_tokens = length;
  spec.output_tokens = length;
  spec.requests = 1'000'000'000'000;
  Diagnostics notes;
  const auto source = make_request_source(spec, 1, "", notes);
  for (auto _ : state) {
    const Request request = source->pop();
    benchmark::DoNotOptimize(request.prompt);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(draw_requests, constant_fixed, ConstantArrivals{}, FixedLength{});
BENCHMARK_CAPTURE(draw_requests, poisson_uniform, PoissonArrivals{}, UniformLength{});
BENCHMARK_CAPTURE(draw_requests, poisson_lognormal, PoissonArrivals{}, LognormalLength{});
BENCHMARK_CAPTURE(draw_requests, gamma_zipf, GammaArrivals{Rate{1.0}, 2.0}, ZipfLength{});

}  // namespace
}  // namespace tessera
