// Robust least squares within bounds: Levenberg and Marquardt's method on Huber's loss, with the
// steps projected into the box (Nocedal and Wright, Numerical Optimization, 2006, 10.3 and 16.7;
// Huber, Annals of Mathematical Statistics 35, 1964).
#pragma once

#include <functional>
#include <vector>

namespace tessera {

struct Parameter {
  double start = 0.0;
  double min = 0.0;
  double max = 1.0;
};

struct LeastSquaresProblem {
  std::vector<Parameter> parameters;
  // As many residuals at every call.
  std::function<std::vector<double>(const std::vector<double>&)> residuals;
  double robust = 0.1;  // residuals beyond it count linearly
};

struct LeastSquaresFit {
  std::vector<double> values;
  std::vector<double> errors;  // standard errors; 0 at a bound
  double loss = 0.0;
  int iterations = 0;
};

// Deterministic. Precondition: at least as many residuals as parameters; min < max.
[[nodiscard]] LeastSquaresFit fit(const LeastSquaresProblem& problem);

}  // namespace tessera
