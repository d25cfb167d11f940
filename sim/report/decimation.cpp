#include "sim/report/decimation.hpp"

#include <algorithm>
#include <numeric>

namespace tessera {
namespace {

void keep_extremes(std::vector<std::size_t>& kept, const std::vector<double>& column,
                   std::size_t begin, std::size_t end) {
  std::size_t least = end;
  std::size_t greatest = end;
  for (std::size_t row = begin; row < end; ++row) {
    const double value = column[row];
    if (value == value) {
      least = least == end || value < column[least] ? row : least;
      greatest = greatest == end || value > column[greatest] ? row : greatest;
    }
  }
  if (least < end) {
    kept.push_back(least);
    kept.push_back(greatest);
  }
}

}  // namespace

std::vector<std::size_t> rows_to_show(std::size_t rows, std::size_t most,
                                      std::span<const std::vector<double>* const> columns) {
  std::vector<std::size_t> kept;
  if (rows <= most) {
    kept.resize(rows);
    std::iota(kept.begin(), kept.end(), std::size_t{0});
    return kept;
  }
  const std::size_t stretches = std::max<std::size_t>(1, most / (1 + 2 * columns.size()));
  for (std::size_t i = 0; i < stretches; ++i) {
    const std::size_t begin = rows * i / stretches;
    const std::size_t end = rows * (i + 1) / stretches;
    kept.push_back(begin);
    for (const std::vector<double>* column : columns) {
      keep_extremes(kept, *column, begin, end);
    }
  }
  kept.push_back(rows - 1);
  std::sort(kept.begin(), kept.end());
  kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
  return kept;
}

}  // namespace tessera
