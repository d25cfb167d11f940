#include "sim/cost/kernel_grid.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <set>

#include "tessera/core/contract.hpp"
#include "tessera/core/decimal.hpp"
#include "tessera/core/diagnostic.hpp"

namespace tessera {
namespace {

std::string text_of(const std::vector<GridAxis>& axes, const KernelGrid::Point& point) {
  std::string text;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    text += (i == 0 ? "" : ", ") + axes[i].name + " " + std::to_string(point[i]);
  }
  return text;
}

// The next combination, the last axis fastest; false after the last one.
bool to_next(const std::vector<GridAxis>& axes, std::vector<std::size_t>& index) {
  for (std::size_t i = axes.size(); i-- > 0;) {
    if (++index[i] < axes[i].points.size()) {
      return true;
    }
    index[i] = 0;
  }
  return false;
}

}  // namespace

KernelGrid::KernelGrid(std::string file, std::string measured, std::vector<std::string> axes,
                       const std::map<Point, std::vector<double>>& times)
    : file_(std::move(file)), measured_(std::move(measured)) {
  TESSERA_INVARIANT(!times.empty(), "a grid has points");
  for (std::size_t i = 0; i < axes.size(); ++i) {
    std::set<std::int64_t> values;
    for (const auto& [point, measurements] : times) {
      values.insert(point[i]);
    }
    axes_.push_back({std::move(axes[i]), {values.begin(), values.end()}});
  }
  std::vector<std::size_t> index(axes_.size(), 0);
  Point point(axes_.size());
  do {
    for (std::size_t i = 0; i < axes_.size(); ++i) {
      point[i] = axes_[i].points[index[i]];
    }
    const auto found = times.find(point);
    if (found == times.end()) {
      throw BadInput(Place{file_, 0, 0}, "the grid of " + measured_ + " has no time for " +
                                             text_of(axes_, point) +
                                             "; every combination must be measured");
    }
    const auto& measurements = found->second;
    times_.push_back(std::accumulate(measurements.begin(), measurements.end(), 0.0) /
                     static_cast<double>(measurements.size()));
  } while (to_next(axes_, index));
}

void KernelGrid::refuse(const GridAxis& axis, double value) const {
  std::string at;
  append_real(at, value);
  throw BadInput(Place{file_, 0, 0}, "no time for " + measured_ + " at " + axis.name + " " + at +
                                         ": it was measured from " +
                                         std::to_string(axis.points.front()) + " up to " +
                                         std::to_string(axis.points.back()) +
                                         "; cost.extrapolate: true goes on in a straight line");
}

KernelGrid::Bracket KernelGrid::bracket(const GridAxis& axis, double value, Outside outside) const {
  const auto& points = axis.points;
  const auto at = [&](std::size_t i) { return static_cast<double>(points[i]); };
  const std::size_t last = points.size() - 1;
  const bool is_below = value < at(0) && points.front() > smallest_tile;
  if ((is_below || value > at(last)) && outside == Outside::refused) {
    refuse(axis, value);
  }
  if (value <= at(0) || last == 0) {
    return {0, 0, 0.0};
  }
  std::size_t above = last;
  std::size_t below = 0;
  if (value > at(last)) {
    // Neighbours may lie within one tile, and tell nothing of the next.
    const auto half = std::upper_bound(points.begin(), points.end(), points[last] / 2);
    below = half == points.begin() ? 0 : static_cast<std::size_t>(half - points.begin()) - 1;
  } else {
    const auto found =
        std::upper_bound(points.begin() + 1, points.end() - 1, value,
                         [](double v, std::int64_t p) { return v < static_cast<double>(p); });
    above = static_cast<std::size_t>(found - points.begin());
    below = above - 1;
  }
  return {below, above, (value - at(below)) / (at(above) - at(below))};
}

double KernelGrid::interpolate(std::span<const Bracket> brackets) const {
  double time = 0.0;
  for (std::size_t corner = 0; corner < (std::size_t{1} << axes_.size()); ++corner) {
    double weight = 1.0;
    std::size_t index = 0;
    for (std::size_t i = 0; i < axes_.size(); ++i) {
      const bool upper = (corner >> i & 1) != 0;
      weight *= upper ? brackets[i].fraction : 1.0 - brackets[i].fraction;
      index = index * axes_[i].points.size() + (upper ? brackets[i].above : brackets[i].below);
    }
    time += weight == 0.0 ? 0.0 : weight * times_[index];
  }
  return time;
}

double KernelGrid::at(std::span<const double> point, Outside outside) const {
  constexpr std::size_t most_axes = 4;
  TESSERA_INVARIANT(point.size() == axes_.size() && axes_.size() <= most_axes,
                    "a point has a value on each axis of its grid");
  std::array<Bracket, most_axes> brackets{};
  std::array<Bracket, most_axes> edge{};
  bool is_beyond = false;
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    brackets[i] = bracket(axes_[i], point[i], outside);
    edge[i] = brackets[i];
    edge[i].fraction = std::min(edge[i].fraction, 1.0);
    is_beyond = is_beyond || brackets[i].fraction > 1.0;
  }
  const double time = interpolate(brackets);
  return is_beyond ? std::max(time, interpolate(edge)) : time;
}

}  // namespace tessera
