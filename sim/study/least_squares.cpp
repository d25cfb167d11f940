#include "sim/study/least_squares.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

using Vector = std::vector<double>;

// Square and symmetric, by rows.
struct Matrix {
  explicit Matrix(std::size_t n) : size(n), cells(n * n, 0.0) {}
  double& at(std::size_t row, std::size_t column) { return cells[row * size + column]; }
  std::size_t size;
  Vector cells;
};

// Gauss with pivots; a singular direction is given nothing.
Vector solve(Matrix a, Vector b) {
  const std::size_t n = b.size();
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k + 1; i < n; ++i) {
      pivot = std::fabs(a.at(i, k)) > std::fabs(a.at(pivot, k)) ? i : pivot;
    }
    for (std::size_t j = 0; j < n; ++j) {
      std::swap(a.at(k, j), a.at(pivot, j));
    }
    std::swap(b[k], b[pivot]);
    if (a.at(k, k) == 0.0) {
      continue;
    }
    for (std::size_t i = k + 1; i < n; ++i) {
      const double factor = a.at(i, k) / a.at(k, k);
      for (std::size_t j = k; j < n; ++j) {
        a.at(i, j) -= factor * a.at(k, j);
      }
      b[i] -= factor * b[k];
    }
  }
  for (std::size_t k = n; k-- > 0;) {
    for (std::size_t j = k + 1; j < n; ++j) {
      b[k] -= a.at(k, j) * b[j];
    }
    b[k] = a.at(k, k) == 0.0 ? 0.0 : b[k] / a.at(k, k);
  }
  return b;
}

double loss_of(const Vector& residuals, double robust) {
  double sum = 0.0;
  for (const double r : residuals) {
    const double size = std::fabs(r);
    sum += size <= robust ? 0.5 * r * r : robust * (size - 0.5 * robust);
  }
  return sum;
}

// Parameters as shares of their ranges, so that all are of one size.
class Search {
 public:
  explicit Search(const LeastSquaresProblem& problem) : problem_(problem) {
    for (const Parameter& one : problem.parameters) {
      TESSERA_INVARIANT(one.min < one.max, "a fitted constant has a range");
      point_.push_back(std::clamp((one.start - one.min) / (one.max - one.min), 0.0, 1.0));
    }
    residuals_ = residuals_at(point_);
    loss_ = loss_of(residuals_, problem_.robust);
  }

  LeastSquaresFit run() {
    constexpr int most_iterations = 200;
    LeastSquaresFit result;
    while (result.iterations < most_iterations && improve()) {
      ++result.iterations;
    }
    linearise();
    result.values = unscaled(point_);
    result.errors = standard_errors();
    result.loss = loss_;
    return result;
  }

 private:
  [[nodiscard]] Vector unscaled(const Vector& point) const {
    Vector values(point.size());
    for (std::size_t i = 0; i < point.size(); ++i) {
      const Parameter& one = problem_.parameters[i];
      values[i] = one.min + point[i] * (one.max - one.min);
    }
    return values;
  }
  [[nodiscard]] Vector residuals_at(const Vector& point) const {
    return problem_.residuals(unscaled(point));
  }

  // Derivatives by difference quotients, and with them the normal equations.
  void linearise() {
    // Large enough for residuals that are rounded: prices are whole picoseconds.
    constexpr double step = 2e-3;
    const std::size_t n = point_.size();
    std::vector<Vector> slopes(n);
    for (std::size_t j = 0; j < n; ++j) {
      Vector beside = point_;
      const double h = point_[j] + step <= 1.0 ? step : -step;
      beside[j] += h;
      slopes[j] = residuals_at(beside);
      for (std::size_t i = 0; i < residuals_.size(); ++i) {
        slopes[j][i] = (slopes[j][i] - residuals_[i]) / h;
      }
    }
    normal_ = Matrix(n);
    gradient_.assign(n, 0.0);
    for (std::size_t i = 0; i < residuals_.size(); ++i) {
      const double size = std::fabs(residuals_[i]);
      const double weight = size <= problem_.robust ? 1.0 : problem_.robust / size;
      for (std::size_t j = 0; j < n; ++j) {
        gradient_[j] += weight * slopes[j][i] * residuals_[i];
        for (std::size_t k = 0; k < n; ++k) {
          normal_.at(j, k) += weight * slopes[j][i] * slopes[k][i];
        }
      }
    }
  }

  // A parameter that stands at a bound and would pass it keeps still.
  [[nodiscard]] bool is_held(std::size_t j) const {
    return (point_[j] <= 0.0 && gradient_[j] > 0.0) || (point_[j] >= 1.0 && gradient_[j] < 0.0);
  }

  // The normal equations with held parameters cut out; `damping` adds to the diagonal.
  [[nodiscard]] Matrix free_part(double damping) const {
    Matrix a = normal_;
    for (std::size_t j = 0; j < a.size; ++j) {
      a.at(j, j) += damping * (a.at(j, j) + 1e-12);
      for (std::size_t k = 0; is_held(j) && k < a.size; ++k) {
        a.at(j, k) = a.at(k, j) = j == k ? 1.0 : 0.0;
      }
    }
    return a;
  }

  // One accepted step. False where there is none.
  bool improve() {
    linearise();
    for (; damping_ < 1e12; damping_ *= 4.0) {
      Vector downhill(point_.size());
      for (std::size_t j = 0; j < point_.size(); ++j) {
        downhill[j] = is_held(j) ? 0.0 : -gradient_[j];
      }
      const Vector step = solve(free_part(damping_), downhill);
      Vector next = point_;
      for (std::size_t j = 0; j < next.size(); ++j) {
        next[j] = std::clamp(next[j] + step[j], 0.0, 1.0);
      }
      Vector residuals = residuals_at(next);
      const double loss = loss_of(residuals, problem_.robust);
      if (loss < loss_) {
        const bool worth_it = loss_ - loss > 1e-10 * loss_;
        point_ = std::move(next);
        residuals_ = std::move(residuals);
        loss_ = loss;
        damping_ = std::max(damping_ / 8.0, 1e-9);
        return worth_it;
      }
    }
    return false;
  }

  [[nodiscard]] Vector standard_errors() const {
    const std::size_t n = point_.size();
    const std::size_t spare = residuals_.size() > n ? residuals_.size() - n : 1;
    const double variance = 2.0 * loss_ / static_cast<double>(spare);
    Vector errors(n, 0.0);
    for (std::size_t j = 0; j < n; ++j) {
      if (point_[j] <= 0.0 || point_[j] >= 1.0) {
        continue;
      }
      Vector unit(n, 0.0);
      unit[j] = 1.0;
      const double inverse = solve(free_part(1e-12), unit)[j];
      const Parameter& one = problem_.parameters[j];
      errors[j] = std::sqrt(std::max(variance * inverse, 0.0)) * (one.max - one.min);
    }
    return errors;
  }

  const LeastSquaresProblem& problem_;
  Vector point_;
  Vector residuals_;
  double loss_ = 0.0;
  double damping_ = 1e-3;
  Matrix normal_{0};
  Vector gradient_;
};

}  // namespace

LeastSquaresFit fit(const LeastSquaresProblem& problem) {
  return Search(problem).run();
}

}  // namespace tessera
