// Which rows of a long series a screen can show.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace tessera {

// Rows to keep of a series of `rows` rows: all where they are at most `most`; else the rows are cut
// into stretches of equal length, of which each keeps its first row and, for every one of
// `columns`, a row that holds its least and one that holds its greatest value. The first and the
// last row stay. In order, without repetition. NaN counts as neither.
// Precondition: every column has `rows` values.
[[nodiscard]] std::vector<std::size_t> rows_to_show(
    std::size_t rows, std::size_t most, std::span<const std::vector<double>* const> columns);

}  // namespace tessera
