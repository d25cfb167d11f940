// With one sequence at a time the engine is a queue that has been understood for a century.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "tessera/engine/simulate.hpp"
#include "tests/support/scenarios.hpp"

namespace tessera {
namespace {

struct Waits final : Recorder {
  std::vector<double> seconds;
  Int128 running_picoseconds = 0;  // Σ ended − scheduled
  Int128 area = 0;                 // ∫ running sequences, from the usage records
  SimTime last;
  std::int64_t running = 0;

  void on_request_end(const RequestRecord& record) override {
    seconds.push_back((*record.scheduled - record.request.arrival).to_seconds());
    running_picoseconds += (record.ended - *record.scheduled).picoseconds();
  }
  void on_usage(const UsageRecord& record) override {
    area += running * (record.time - last).picoseconds();
    last = record.time;
    running = record.queues.running;
  }
};

// Mean and the half width of its 99.9 % confidence interval, from the means of 50 batches.
struct Estimate {
  double mean = 0.0;
  double half_width = 0.0;
};

Estimate estimate(const std::vector<double>& values) {
  constexpr std::size_t batches = 50;
  const std::size_t size = values.size() / batches;
  std::vector<double> means;
  double total = 0.0;
  for (std::size_t batch = 0; batch < batches; ++batch) {
    double sum = 0.0;
    for (std::size_t i = 0; i < size; ++i) {
      sum += values[batch * size + i];
    }
    means.push_back(sum / static_cast<double>(size));
    total += means.back();
  }
  const double mean = total / batches;
  double squares = 0.0;
  for (const double m : means) {
    squares += (m - mean) * (m - mean);
  }
  const double deviation = std::sqrt(squares / (batches - 1));
  return {mean, 3.496 * deviation / std::sqrt(static_cast<double>(batches))};  // t, 49 degrees
}

Scenario one_at_a_time(double rate, const LengthSpec& prompts, const LengthSpec& outputs) {
  Scenario scenario = tiny_scenario();
  scenario.seed = 20260722;
  scenario.engine.policy =
      VllmV1Spec{.max_num_seqs = 1, .max_num_batched_tokens = Tokens{1'000'000}};
  scenario.engine.max_model_len = Tokens{100'000};
  scenario.workload.arrivals = PoissonArrivals{.rate = Rate{rate}};
  scenario.workload.prompt_tokens = prompts;
  scenario.workload.output_tokens = outputs;
  scenario.workload.requests = 200'000;
  // A step takes 10 ms and 100 us a token; context is free, so that service times are easy.
  scenario.cost = AffineCostSpec{.base = Duration::milliseconds(10),
                                 .per_token = Duration::microseconds(100),
                                 .per_context_token = {},
                                 .per_sequence = {}};
  return scenario;
}

void run(const Scenario& scenario, Waits& waits) {
  Diagnostics notes;
  simulate(scenario, waits, notes);
}

// Wq = ρ / (2μ(1 − ρ)).
TEST(SingleServer, WaitsAsInMD1) {
  const double service = 0.010 + 100 * 0.0001;  // one prefill of 100 tokens, one token sampled
  for (const double load : {0.3, 0.6, 0.8}) {
    Waits waits;
    run(one_at_a_time(load / service, FixedLength{.tokens = Tokens{100}},
                      FixedLength{.tokens = Tokens{1}}),
        waits);
    ASSERT_EQ(waits.seconds.size(), 200'000U);
    const Estimate wait = estimate(waits.seconds);
    EXPECT_NEAR(wait.mean, load * service / (2 * (1 - load)), wait.half_width) << load;
    EXPECT_LT(wait.half_width, 0.1 * wait.mean);
  }
}

// Pollaczek and Khinchine: Wq = λ·E[S²] / (2(1 − ρ)), with the moments of the discrete lengths.
TEST(SingleServer, WaitsAsPollaczekAndKhinchineSay) {
  // A prefill of p tokens and n − 1 decodes: S = 10 ms·n + 100 us·(p + n − 1).
  double first = 0.0;
  double second = 0.0;
  for (int p = 1; p <= 50; ++p) {
    for (int n = 1; n <= 8; ++n) {
      const double service = 0.010 * n + 0.0001 * (p + n - 1);
      first += service / 400;
      second += service * service / 400;
    }
  }
  const double rate = 0.7 / first;
  Waits waits;
  run(one_at_a_time(rate, UniformLength{.min = Tokens{1}, .max = Tokens{50}},
                    UniformLength{.min = Tokens{1}, .max = Tokens{8}}),
      waits);
  const Estimate wait = estimate(waits.seconds);
  EXPECT_NEAR(wait.mean, rate * second / (2 * (1 - 0.7)), wait.half_width);
  EXPECT_LT(wait.half_width, 0.1 * wait.mean);
}

// Little's law on the sample path, without an error: ∫ running = Σ time in service.
TEST(LittlesLaw, HoldsToThePicosecond) {
  Scenario scenario = one_at_a_time(4.0, UniformLength{.min = Tokens{1}, .max = Tokens{400}},
                                    UniformLength{.min = Tokens{1}, .max = Tokens{60}});
  scenario.workload.requests = 5'000;
  scenario.engine.policy = VllmV1Spec{.max_num_seqs = 12, .max_num_batched_tokens = Tokens{512}};
  Waits waits;
  run(scenario, waits);
  EXPECT_EQ(waits.area, waits.running_picoseconds);
  EXPECT_GT(waits.area, 0);
}

}  // namespace
}  // namespace tessera
