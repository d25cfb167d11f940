#include "tessera/cost/engine_overheads.hpp"

#include <algorithm>

namespace tessera {
namespace {

// How many of 1, 2, 4, 8, 16, 24, … are at most `most`.
std::int64_t sizes_up_to(std::int64_t most) {
  constexpr std::int64_t step = 8;
  std::int64_t count = most / step;
  for (const std::int64_t size : {1, 2, 4}) {
    count += size <= most ? 1 : 0;
  }
  return count;
}

}  // namespace

Bytes CudaGraphs::bytes_a_layer(std::int64_t max_num_seqs) const {
  const std::int64_t most = std::min(largest, max_num_seqs);
  const std::int64_t num_small = sizes_up_to(std::min(most, small_up_to));
  return small * num_small + large * (sizes_up_to(most) - num_small);
}

}  // namespace tessera
