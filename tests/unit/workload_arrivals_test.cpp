// Arrival processes against their closed forms, and where sources end.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "tests/unit/workload_builders.hpp"

namespace tessera {
namespace {

using workload_test::drain;
using workload_test::make_source;
using workload_test::requests_of;

struct Moments {
  double mean = 0.0;
  double cv = 0.0;
};

constexpr std::int64_t num_gaps = 200'000;

Moments gap_moments(const ArrivalSpec& arrivals, std::uint64_t seed) {
  WorkloadSpec spec;
  spec.arrivals = arrivals;
  spec.requests = num_gaps;
  double sum = 0.0;
  double squares = 0.0;
  SimTime last;
  for (const Request& request : requests_of(spec, seed)) {
    const double gap = (request.arrival - last).to_seconds();
    last = request.arrival;
    sum += gap;
    squares += gap * gap;
  }
  const double mean = sum / num_gaps;
  return {mean, std::sqrt(squares / num_gaps - mean * mean) / mean};
}

// The mean of n gaps has the standard error cv / sqrt(n): five of them, with the seeds fixed.
double allowed_error(double cv) {
  return 5.0 * cv / std::sqrt(static_cast<double>(num_gaps));
}

TEST(PoissonArrivals, HaveTheMeanAndTheVariationOfTheExponential) {
  for (const std::uint64_t seed : {1, 2, 3}) {
    const Moments gaps = gap_moments(PoissonArrivals{Rate{2.5}}, seed);
    EXPECT_NEAR(gaps.mean * 2.5, 1.0, allowed_error(1.0));
    EXPECT_NEAR(gaps.cv, 1.0, 0.015);
  }
}

TEST(PoissonArrivals, AreExponentialAtTheQuantiles) {
  WorkloadSpec spec;
  spec.arrivals = PoissonArrivals{Rate{1.0}};
  spec.requests = num_gaps;
  std::array<int, 3> below{};
  SimTime last;
  for (const Request& request : requests_of(spec, 5)) {
    const double gap = (request.arrival - last).to_seconds();
    last = request.arrival;
    for (std::size_t i = 0; i < below.size(); ++i) {
      below[i] += gap < std::array{0.1, 1.0, 3.0}[i] ? 1 : 0;
    }
  }
  for (std::size_t i = 0; i < below.size(); ++i) {
    const double expected = 1.0 - std::exp(-std::array{0.1, 1.0, 3.0}[i]);
    EXPECT_NEAR(static_cast<double>(below[i]) / num_gaps, expected, 0.005);
  }
}

TEST(GammaArrivals, HaveTheMeanAndTheVariationThatWereAskedFor) {
  for (const double cv : {0.25, 1.0, 2.0, 4.0}) {
    const Moments gaps = gap_moments(GammaArrivals{Rate{0.5}, cv}, 1);
    EXPECT_NEAR(gaps.mean * 0.5, 1.0, allowed_error(cv)) << cv;
    // The fourth moment of a gamma law gives the error of its variance: 2 + 6 cv² over n.
    EXPECT_NEAR(gaps.cv / cv, 1.0, 5.0 * std::sqrt((2.0 + 6.0 * cv * cv) / num_gaps)) << cv;
  }
}

TEST(WeibullArrivals, HaveTheMeanAskedForAndTheVariationOfTheirShape) {
  for (const double shape : {0.6, 1.0, 2.0, 5.0}) {
    const double first = std::tgamma(1.0 + 1.0 / shape);
    const double second = std::tgamma(1.0 + 2.0 / shape);
    const double cv = std::sqrt(second / (first * first) - 1.0);
    const Moments gaps = gap_moments(WeibullArrivals{Rate{10.0}, shape}, 1);
    EXPECT_NEAR(gaps.mean * 10.0, 1.0, allowed_error(cv)) << shape;
    EXPECT_NEAR(gaps.cv / cv, 1.0, 0.04) << shape;
  }
}

TEST(ConstantArrivals, AreEquallyFarApartToThePicosecond) {
  WorkloadSpec spec;
  spec.arrivals = ConstantArrivals{Rate{3.0}};
  spec.requests = 4;
  const auto requests = requests_of(spec);
  ASSERT_EQ(requests.size(), 4U);
  for (std::int64_t i = 0; i < 4; ++i) {
    EXPECT_EQ(requests[static_cast<std::size_t>(i)].arrival.since_start(),
              Duration::picoseconds(333'333'333'333) * (i + 1));
  }
}

TEST(BurstArrivals, ComeAllAtOnce) {
  WorkloadSpec spec;
  spec.arrivals = BurstArrivals{Duration::seconds(2)};
  spec.requests = 5;
  const auto requests = requests_of(spec);
  ASSERT_EQ(requests.size(), 5U);
  for (const Request& request : requests) {
    EXPECT_EQ(request.arrival, SimTime::at(Duration::seconds(2)));
  }
}

TEST(BurstArrivals, HaveANumberEvenIfOnlyADurationIsGiven) {
  WorkloadSpec spec;
  spec.arrivals = BurstArrivals{};
  spec.duration = Duration::seconds(1);
  EXPECT_EQ(requests_of(spec).size(), 1000U);
  spec.arrivals = BurstArrivals{Duration::seconds(2)};
  EXPECT_TRUE(requests_of(spec).empty());
}

TEST(Arrivals, EndAtTheCountOrTheDurationWhicheverIsFirst) {
  WorkloadSpec spec;
  spec.arrivals = ConstantArrivals{Rate{1.0}};
  spec.requests = 10;
  spec.duration = Duration::seconds(4);
  EXPECT_EQ(requests_of(spec).size(), 4U) << "one at the very end of the duration still comes";
  spec.duration = Duration::seconds(40);
  EXPECT_EQ(requests_of(spec).size(), 10U);
  spec.requests.reset();
  EXPECT_EQ(requests_of(spec).size(), 40U);
  spec.duration.reset();
  EXPECT_EQ(requests_of(spec).size(), 1000U);
}

TEST(Arrivals, AreRoundedToNanosecondsAndFinerWhereGapsAreShort) {
  WorkloadSpec spec;
  spec.requests = 1000;
  spec.arrivals = PoissonArrivals{Rate{2.0}};
  for (const Request& request : requests_of(spec)) {
    ASSERT_EQ(request.arrival.since_start().picoseconds() % 1000, 0);
  }
  spec.arrivals = PoissonArrivals{Rate{1e9}};
  const auto requests = requests_of(spec);
  EXPECT_NEAR(requests.back().arrival.since_start().to_seconds(), 1e-6, 2e-7);
}

TEST(Arrivals, OfTheSlowestRateStayWithinTime) {
  WorkloadSpec spec;
  spec.requests = 10'000;
  for (const ArrivalSpec& arrivals :
       {ArrivalSpec{PoissonArrivals{Rate{1e-9}}}, ArrivalSpec{GammaArrivals{Rate{1e-9}, 100.0}},
        ArrivalSpec{WeibullArrivals{Rate{1e-9}, 0.1}}}) {
    spec.arrivals = arrivals;
    SimTime last;
    for (const Request& request : requests_of(spec)) {
      ASSERT_GE(request.arrival, last);
      last = request.arrival;
    }
  }
}

TEST(Arrivals, AreTheSameWhateverTheLengthsAre) {
  WorkloadSpec spec;
  spec.arrivals = GammaArrivals{Rate{1.0}, 2.0};
  spec.requests = 500;
  const auto plain = requests_of(spec, 9);
  spec.prompt_tokens = LognormalLength{};
  spec.output_tokens = ZipfLength{};
  const auto drawn = requests_of(spec, 9);
  spec.output_tokens = UniformLength{};
  const auto other = requests_of(spec, 9);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    ASSERT_EQ(plain[i].arrival, drawn[i].arrival);
    ASSERT_EQ(drawn[i].prompt, other[i].prompt) << "outputs have a stream of their own";
  }
}

TEST(Arrivals, AreTheSameForASeedAndOthersForAnother) {
  WorkloadSpec spec;
  spec.requests = 100;
  EXPECT_EQ(requests_of(spec, 4).back().arrival, requests_of(spec, 4).back().arrival);
  EXPECT_NE(requests_of(spec, 4).back().arrival, requests_of(spec, 5).back().arrival);
}

// Fixed for good: other values would mean that old results can no longer be reproduced.
TEST(Arrivals, KeepTheirValuesForEver) {
  WorkloadSpec spec;
  spec.requests = 3;
  spec.prompt_tokens = LognormalLength{};
  spec.output_tokens = ZipfLength{};
  std::string text;
  for (const Request& request : requests_of(spec, 7)) {
    text += std::to_string(static_cast<std::int64_t>(request.arrival.since_start().picoseconds())) +
            ":" + std::to_string(request.prompt.count()) + ":" +
            std::to_string(request.output.count()) + " ";
  }
  EXPECT_EQ(text, "173075026000:308:119 971436962000:233:3 993997928000:66:45 ");
}

TEST(Arrivals, TakingARequestThatIsNotThereIsAMistake) {
  WorkloadSpec spec;
  spec.requests = 1;
  const auto source = make_source(spec);
  static_cast<void>(source->pop());
  EXPECT_THROW(static_cast<void>(source->pop()), std::logic_error);
}

// Requests are drawn some at a time: that shows neither in where they end nor in what is counted.
TEST(Arrivals, FewerRequestsAreTheFirstOnes) {
  WorkloadSpec spec;
  spec.prompt_tokens = LognormalLength{100.0, 1.0, Tokens{50}, Tokens{200}};
  spec.output_tokens = UniformLength{Tokens{1}, Tokens{9}};
  spec.requests = 300;
  const auto whole = make_source(spec, 3);
  const std::vector<Request> all = drain(*whole);
  ASSERT_EQ(all.size(), 300U);
  EXPECT_GT(whole->counts().clamped_prompts, 100);
  for (const std::size_t size : {1U, 63U, 64U, 65U, 128U, 129U, 192U}) {
    const auto last = all.begin() + static_cast<std::ptrdiff_t>(size);
    spec.requests = static_cast<std::int64_t>(size);
    spec.duration.reset();
    const auto few = make_source(spec, 3);
    spec.requests.reset();
    spec.duration = all[size - 1].arrival.since_start();
    const auto early = make_source(spec, 3);
    for (RequestSource* const source : {few.get(), early.get()}) {
      const std::vector<Request> requests = drain(*source);
      ASSERT_EQ(requests.size(), size);
      EXPECT_TRUE(std::equal(requests.begin(), requests.end(), all.begin(), last,
                             [](const Request& a, const Request& b) {
                               return a.arrival == b.arrival && a.prompt == b.prompt &&
                                      a.output == b.output;
                             }));
      EXPECT_EQ(source->counts().requests, static_cast<std::int64_t>(size));
      // What is clamped stands at an end of the range; hardly anything is drawn there.
      const auto at_ends = std::count_if(all.begin(), last, [](const Request& request) {
        return request.prompt == Tokens{50} || request.prompt == Tokens{200};
      });
      EXPECT_LE(source->counts().clamped_prompts, at_ends);
      EXPECT_GE(source->counts().clamped_prompts, at_ends - 5);
    }
  }
}

}  // namespace
}  // namespace tessera
