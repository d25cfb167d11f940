#include "sim/study/least_squares.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace tessera {
namespace {

// A line through points: the normal equations by hand give intercept and slope.
TEST(LeastSquares, FindsTheLineOfTheNormalEquations) {
  const std::vector<double> x{0, 1, 2, 3, 4};
  const std::vector<double> y{1.1, 2.9, 5.2, 6.8, 9.1};
  LeastSquaresProblem problem;
  problem.parameters = {{0.0, -10.0, 10.0}, {0.0, -10.0, 10.0}};
  problem.robust = 1e9;
  problem.residuals = [&](const std::vector<double>& p) {
    std::vector<double> r;
    for (std::size_t i = 0; i < x.size(); ++i) {
      r.push_back(p[0] + p[1] * x[i] - y[i]);
    }
    return r;
  };
  const LeastSquaresFit found = fit(problem);
  EXPECT_NEAR(found.values[0], 1.04, 1e-6);
  EXPECT_NEAR(found.values[1], 1.99, 1e-6);
  // s² = Σr²/(n-2), and the slope's variance is s²/Σ(x-mean)².
  EXPECT_NEAR(found.errors[1], std::sqrt(0.107 / 3.0 / 10.0), 1e-3);
}

TEST(LeastSquares, StaysWithinItsBounds) {
  LeastSquaresProblem problem;
  problem.parameters = {{0.5, 0.0, 1.0}, {0.5, 0.0, 1.0}};
  problem.residuals = [](const std::vector<double>& p) {
    return std::vector<double>{p[0] - 3.0, p[1] - 0.25, p[0] + p[1] - 1.25};
  };
  const LeastSquaresFit found = fit(problem);
  EXPECT_DOUBLE_EQ(found.values[0], 1.0);
  EXPECT_NEAR(found.values[1], 0.25, 1e-6);
  EXPECT_EQ(found.errors[0], 0.0);
}

// One wild point of nine moves a mean by a ninth of its distance, a robust fit by next to nothing.
TEST(LeastSquares, AnOutlierPullsNoHarderThanItsNeighbours) {
  LeastSquaresProblem problem;
  problem.parameters = {{2.0, 0.0, 10.0}};
  problem.robust = 0.05;
  problem.residuals = [](const std::vector<double>& p) {
    std::vector<double> r;
    for (int i = -4; i <= 4; ++i) {
      r.push_back(p[0] - 1.0 - 0.01 * i);
    }
    r.push_back(p[0] - 9.0);
    return r;
  };
  EXPECT_NEAR(fit(problem).values[0], 1.0, 0.02);
}

// Rosenbrock's valley: residuals 10(y - x²) and 1 - x.
TEST(LeastSquares, FollowsACurvedValley) {
  LeastSquaresProblem problem;
  problem.parameters = {{-1.2, -2.0, 2.0}, {1.0, -2.0, 2.0}};
  problem.robust = 1e9;
  problem.residuals = [](const std::vector<double>& p) {
    return std::vector<double>{10.0 * (p[1] - p[0] * p[0]), 1.0 - p[0]};
  };
  const LeastSquaresFit found = fit(problem);
  EXPECT_NEAR(found.values[0], 1.0, 1e-3);
  EXPECT_NEAR(found.values[1], 1.0, 2e-3);
}

}  // namespace
}  // namespace tessera
