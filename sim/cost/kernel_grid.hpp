// Measured times over one or more counts, with straight lines between the measured points.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace tessera {

// What to do beyond the last measured point. Before the first one the first is taken: kernels work
// in tiles, and fewer tokens than the smallest measured tile take as long as it.
enum class Outside { refused, extrapolated };

// One count of a grid: its name in messages and the points at which it was measured, ascending.
struct GridAxis {
  std::string name;
  std::vector<std::int64_t> points;
};

class KernelGrid {
 public:
  using Point = std::vector<std::int64_t>;

  // `times` in microseconds, a point for every combination of the axes' values. Several of one
  // point are averaged. Throws BadInput, with `file`, for a combination that is missing.
  KernelGrid(std::string file, std::string measured, std::vector<std::string> axes,
             const std::map<Point, std::vector<double>>& times);

  // Microseconds, multilinear. Throws BadInput for a point beyond the grid where that is refused.
  [[nodiscard]] double at(std::span<const double> point, Outside outside) const;

 private:
  struct Bracket {
    std::size_t below;
    double fraction;  // of the way to the next point
  };
  [[nodiscard]] Bracket bracket(const GridAxis& axis, double value, Outside outside) const;
  [[noreturn]] void refuse(const GridAxis& axis, double value) const;

  std::string file_;
  std::string measured_;  // what the times are of
  std::vector<GridAxis> axes_;
  std::vector<double> times_;  // the last axis runs fastest
};

}  // namespace tessera
