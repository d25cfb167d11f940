// Measured times over one or more counts, with straight lines between the measured points.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace tessera {

// What to do outside the measured points.
enum class Outside { refused, extrapolated };

// Kernels work in tiles: so many or fewer take as long as the first point, if that is a tile's.
inline constexpr std::int64_t smallest_tile = 16;

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

  // Microseconds, multilinear. Throws BadInput for a point outside the grid where that is refused;
  // else the line through the last point and the one at half of it goes on, and no time beyond the
  // grid is less than at its edge.
  [[nodiscard]] double at(std::span<const double> point, Outside outside) const;

 private:
  struct Bracket {
    std::size_t below;
    std::size_t above;
    double fraction;  // of the way from one to the other
  };
  [[nodiscard]] Bracket bracket(const GridAxis& axis, double value, Outside outside) const;
  [[noreturn]] void refuse(const GridAxis& axis, double value) const;
  [[nodiscard]] double interpolate(std::span<const Bracket> brackets) const;

  std::string file_;
  std::string measured_;  // what the times are of
  std::vector<GridAxis> axes_;
  std::vector<double> times_;  // the last axis runs fastest
};

}  // namespace tessera
