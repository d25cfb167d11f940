// Laws of lengths against their closed forms, and what is clamped and counted.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "tests/unit/workload_builders.hpp"

namespace tessera {
namespace {

using workload_test::drain;
using workload_test::make_source;
using workload_test::requests_of;
using workload_test::TemporaryFolder;

constexpr std::int64_t num_draws = 200'000;

WorkloadSpec prompts(const LengthSpec& length, std::int64_t requests = num_draws) {
  WorkloadSpec spec;
  spec.arrivals = BurstArrivals{};
  spec.prompt_tokens = length;
  spec.requests = requests;
  return spec;
}

std::vector<std::int64_t> drawn(const LengthSpec& length, std::uint64_t seed = 1) {
  std::vector<std::int64_t> lengths;
  for (const Request& request : requests_of(prompts(length), seed)) {
    lengths.push_back(request.prompt.count());
  }
  return lengths;
}

// Pearson's statistic for `weights` over consecutive lengths from `min` on, as a z-score (Wilson
// and Hilferty's cube root): beyond 4 in 30,000 seeds once.
double chi_square_z(const std::vector<std::int64_t>& lengths, std::int64_t min,
                    const std::vector<double>& weights) {
  std::vector<double> counts(weights.size(), 0.0);
  for (const std::int64_t length : lengths) {
    EXPECT_TRUE(length >= min && length < min + static_cast<std::int64_t>(weights.size()));
    counts.at(static_cast<std::size_t>(length - min)) += 1.0;
  }
  double total = 0.0;
  for (const double weight : weights) {
    total += weight;
  }
  double statistic = 0.0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double expected = weights[i] / total * static_cast<double>(lengths.size());
    statistic += (counts[i] - expected) * (counts[i] - expected) / expected;
  }
  const double freedom = static_cast<double>(weights.size()) - 1.0;
  return (std::cbrt(statistic / freedom) - (1.0 - 2.0 / (9.0 * freedom))) /
         std::sqrt(2.0 / (9.0 * freedom));
}

std::vector<double> zipf_weights(double exponent, std::int64_t min, std::int64_t max) {
  std::vector<double> weights;
  for (std::int64_t k = min; k <= max; ++k) {
    weights.push_back(std::pow(static_cast<double>(k) / static_cast<double>(min), -exponent));
  }
  return weights;
}

TEST(FixedLength, IsAlwaysTheSame) {
  for (const std::int64_t length : drawn(FixedLength{Tokens{77}})) {
    ASSERT_EQ(length, 77);
  }
}

TEST(UniformLength, IsUniform) {
  EXPECT_LT(
      chi_square_z(drawn(UniformLength{Tokens{5}, Tokens{104}}), 5, std::vector<double>(100, 1.0)),
      4.0);
  for (const std::int64_t length : drawn(UniformLength{Tokens{9}, Tokens{9}})) {
    ASSERT_EQ(length, 9);
  }
}

TEST(ZipfLength, FollowsItsLawOverEverySteepnessAndRange) {
  struct Case {
    double exponent;
    std::int64_t min;
    std::int64_t max;
  };
  for (const Case& c : {Case{1.0, 1, 100}, Case{0.0, 1, 50}, Case{0.5, 1, 60}, Case{1.5, 1, 20},
                        Case{1.0000001, 3, 80}, Case{2.0, 10, 60}, Case{1.0, 1000, 1100},
                        Case{3.0, 1, 4}, Case{0.9999999, 1, 2}, Case{10.0, 200, 230}}) {
    const auto lengths = drawn(ZipfLength{c.exponent, Tokens{c.min}, Tokens{c.max}}, 11);
    EXPECT_LT(chi_square_z(lengths, c.min, zipf_weights(c.exponent, c.min, c.max)), 4.0)
        << c.exponent << " " << c.min << ".." << c.max;
  }
}

TEST(ZipfLength, ReachesABillionWithoutATable) {
  const double largest = 1e9;
  const auto lengths = drawn(ZipfLength{1.0, Tokens{1}, Tokens{1'000'000'000}});
  // The harmonic number H(n) ≈ ln n + γ: P(1) = 1/H, and the mean is n/H.
  const double harmonic = std::log(largest) + 0.57721566490153286;
  const double ones =
      static_cast<double>(std::count(lengths.begin(), lengths.end(), 1)) / num_draws;
  EXPECT_NEAR(ones, 1.0 / harmonic, 0.003);
  double sum = 0.0;
  for (const std::int64_t length : lengths) {
    ASSERT_TRUE(length >= 1 && length <= 1'000'000'000);
    sum += static_cast<double>(length);
  }
  EXPECT_NEAR(sum / num_draws / (largest / harmonic), 1.0, 0.05);
}

// Far from 1 a steep law is nearly exponential with mean min / exponent: digits must not cancel.
TEST(ZipfLength, KeepsItsShapeFarFromOne) {
  const auto lengths = drawn(ZipfLength{10.0, Tokens{100'000'000}, Tokens{1'000'000'000}});
  double sum = 0.0;
  for (const std::int64_t length : lengths) {
    sum += static_cast<double>(length);
  }
  // The mean of the continuous law from m on is m (s-1) / (s-2).
  EXPECT_NEAR(sum / num_draws, 1e8 * 9.0 / 8.0, 2e5);
}

TEST(ZipfLength, OfOneValueIsThatValue) {
  for (const double exponent : {0.0, 1.0, 10.0}) {
    for (const std::int64_t length : drawn(ZipfLength{exponent, Tokens{5}, Tokens{5}})) {
      ASSERT_EQ(length, 5);
    }
  }
}

TEST(LognormalLength, HasTheMomentsOfItsLaw) {
  const double sigma = 0.8;
  const auto lengths = drawn(LognormalLength{1000.0, sigma});
  double sum = 0.0;
  double squares = 0.0;
  std::int64_t below_median = 0;
  for (const std::int64_t length : lengths) {
    sum += static_cast<double>(length);
    squares += static_cast<double>(length) * static_cast<double>(length);
    below_median += length <= 1000 ? 1 : 0;
  }
  const double mean = sum / num_draws;
  const double cv = std::sqrt(squares / num_draws - mean * mean) / mean;
  const double expected_cv = std::sqrt(std::exp(sigma * sigma) - 1.0);
  EXPECT_NEAR(mean, 1000.0 * std::exp(sigma * sigma / 2.0),
              5 * mean * expected_cv / std::sqrt(num_draws));
  EXPECT_NEAR(cv, expected_cv, 0.05);
  EXPECT_NEAR(static_cast<double>(below_median) / num_draws, 0.5, 0.006);
}

TEST(LognormalLength, CountsWhatItClamps) {
  auto spec = prompts(LognormalLength{100.0, 1.0, Tokens{50}, Tokens{200}}, 10'000);
  const auto source = make_source(spec);
  std::int64_t at_bounds = 0;
  for (const Request& request : drain(*source)) {
    ASSERT_TRUE(request.prompt >= Tokens{50} && request.prompt <= Tokens{200});
    at_bounds += request.prompt == Tokens{50} || request.prompt == Tokens{200} ? 1 : 0;
  }
  // P(|Z| > ln 2) = 0.488.
  EXPECT_NEAR(static_cast<double>(source->counts().clamped_prompts), 4880.0, 250.0);
  EXPECT_GE(at_bounds, source->counts().clamped_prompts);
  EXPECT_EQ(source->counts().clamped_outputs, 0);
}

TEST(LognormalLength, OfTheWidestSpreadIsStillALength) {
  for (const std::int64_t length : drawn(LognormalLength{1e9, 10.0})) {
    ASSERT_TRUE(length >= 1 && length <= 1'000'000'000);
  }
}

TEST(EmpiricalLength, DrawsFromItsColumnScaledAndClamped) {
  const TemporaryFolder folder;
  folder.write("lengths.csv", "name,tokens,more\na,10,1\n\"b, c\",20,2\nd,30.0,3\n");
  EmpiricalLength length{FilePath{"lengths.csv"}, "tokens", 1.5, Tokens{16}};
  const auto source = make_source(prompts(length, 9'000), 1, folder.path());
  std::map<std::int64_t, int> counts;
  for (const Request& request : drain(*source)) {
    ++counts[request.prompt.count()];
  }
  ASSERT_EQ(counts.size(), 3U);
  EXPECT_NEAR(counts[16], 3000, 250);
  EXPECT_NEAR(counts[30], 3000, 250);
  EXPECT_NEAR(counts[45], 3000, 250);
  EXPECT_EQ(source->counts().clamped_prompts, counts[16]);
}

TEST(EmpiricalLength, OfOneFileForBothIsDrawnByTheRow) {
  const TemporaryFolder folder;
  folder.write("lengths.csv", "p,o\n1,10\n2,20\n3,30\n");
  WorkloadSpec spec = prompts(EmpiricalLength{FilePath{"lengths.csv"}, "p"}, 1000);
  spec.output_tokens = EmpiricalLength{FilePath{"./lengths.csv"}, "o"};
  std::set<std::int64_t> seen;
  for (const Request& request : requests_of(spec, 1, folder.path())) {
    ASSERT_EQ(request.output, request.prompt * 10);
    seen.insert(request.prompt.count());
  }
  EXPECT_EQ(seen.size(), 3U);
}

TEST(EmpiricalLength, OfTwoFilesIsDrawnIndependently) {
  const TemporaryFolder folder;
  folder.write("a.csv", "n\n1\n2\n");
  folder.write("b.csv", "n\n1\n2\n3\n");
  WorkloadSpec spec = prompts(EmpiricalLength{FilePath{"a.csv"}, "n"}, 1000);
  spec.output_tokens = EmpiricalLength{FilePath{"b.csv"}, "n"};
  std::set<std::pair<std::int64_t, std::int64_t>> seen;
  for (const Request& request : requests_of(spec, 1, folder.path())) {
    seen.emplace(request.prompt.count(), request.output.count());
  }
  EXPECT_EQ(seen.size(), 6U);
}

TEST(EmpiricalLength, SaysWhatIsWrongWithItsFile) {
  const TemporaryFolder folder;
  const auto complaint = [&](const std::string& text, const std::string& column) -> std::string {
    const std::string file = folder.write("l.csv", text);
    try {
      static_cast<void>(
          make_source(prompts(EmpiricalLength{FilePath{"l.csv"}, column}), 1, folder.path()));
    } catch (const BadInput& bad) {
      return std::string(bad.what()).substr(file.size() - 5);
    }
    return "nothing";
  };
  EXPECT_EQ(complaint("", "n"),
            "l.csv:1: error: the file is empty; expected a header with column 'n'");
  EXPECT_EQ(complaint("a,b\n1,2\n", "n"),
            "l.csv:1: error: there is no column 'n'; there are 'a, b'");
  EXPECT_EQ(complaint("n\n", "n"), "l.csv:1: error: the file has a header, but no rows");
  EXPECT_EQ(complaint("n\n1\nx\n", "n"),
            "l.csv:3: error: column 'n' must be a length from 0 on, not 'x'");
  EXPECT_EQ(complaint("n\n-1\n", "n"),
            "l.csv:2: error: column 'n' must be a length from 0 on, not '-1'");
  EXPECT_EQ(complaint("n\nnan\n", "n"),
            "l.csv:2: error: column 'n' must be a length from 0 on, not 'nan'");
  EXPECT_EQ(complaint("n\n1e300\n", "n"),
            "l.csv:2: error: column 'n' must be a length from 0 on, not '1e300'");
  EXPECT_EQ(complaint("n\n\"1\n", "n"), "l.csv:2: error: a quoted field does not end on its line");
  EXPECT_THROW(static_cast<void>(make_source(prompts(EmpiricalLength{FilePath{"none.csv"}, "n"}), 1,
                                             folder.path())),
               UnreadableFile);
}

TEST(Lengths, AnEmptyRangeIsRefused) {
  try {
    static_cast<void>(make_source(prompts(UniformLength{Tokens{10}, Tokens{5}})));
    FAIL();
  } catch (const BadInput& bad) {
    EXPECT_STREQ(bad.what(), "error: workload.prompt_tokens: min 10 is above max 5");
  }
}

TEST(Lengths, ATotalShortensOutputsAndCountsThem) {
  WorkloadSpec spec = prompts(UniformLength{Tokens{1}, Tokens{200}}, 2000);
  spec.output_tokens = FixedLength{Tokens{50}};
  spec.max_total_tokens = Tokens{150};
  const auto source = make_source(spec);
  std::int64_t shortened = 0;
  for (const Request& request : drain(*source)) {
    shortened += request.output < Tokens{50} ? 1 : 0;
    if (request.prompt < Tokens{150}) {
      ASSERT_LE(request.prompt + request.output, Tokens{150});
    } else {
      ASSERT_EQ(request.output, Tokens{1}) << "left to the engine to turn away";
    }
  }
  EXPECT_GT(shortened, 900);
  EXPECT_EQ(source->counts().shortened_outputs, shortened);
}

TEST(Lengths, TheLimitOfTheOutputIsDrawnByItselfAndKeepsToTheTotal) {
  WorkloadSpec spec = prompts(FixedLength{Tokens{100}}, 500);
  spec.output_tokens = UniformLength{Tokens{1}, Tokens{300}};
  const auto without = requests_of(spec);
  spec.max_output_tokens = UniformLength{Tokens{200}, Tokens{300}};
  const auto with = requests_of(spec);
  ASSERT_EQ(with.size(), 500U);
  for (std::size_t i = 0; i < with.size(); ++i) {
    EXPECT_FALSE(without[i].max_output);
    EXPECT_EQ(with[i].output, without[i].output) << "a request ends where it ends";
    EXPECT_GE(with[i].max_output, Tokens{200});
    EXPECT_LE(with[i].max_output, Tokens{300});
  }
  spec.max_total_tokens = Tokens{180};
  for (const Request& request : requests_of(spec)) {
    EXPECT_EQ(request.max_output, Tokens{80});
    EXPECT_LE(request.output, Tokens{80});
  }
}

TEST(Lengths, AreOneHundredAndTwentyEightWhereNothingIsSaid) {
  WorkloadSpec spec;
  spec.requests = 1;
  const auto requests = requests_of(spec);
  EXPECT_EQ(requests[0].prompt, Tokens{128});
  EXPECT_EQ(requests[0].output, Tokens{128});
}

}  // namespace
}  // namespace tessera
