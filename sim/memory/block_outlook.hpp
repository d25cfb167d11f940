// How rows in blocks go on decoding, where a block that a row takes comes from those that are free
// and changes nothing else.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "sim/memory/row_table.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {

// Of blocks that rows own.
struct BlockSupply {
  Bytes block{0};
  Bytes bytes_per_token{0};
  Tokens block_size{1};
  Blocks spare{0};  // that may be taken
};

// Adds what of its last block `row` will never use, if it takes that block by step `steps`.
inline void note_never(const Row& row, const BlockSupply& supply, std::int64_t steps,
                       KvOutlook& outlook) {
  const std::int64_t size = supply.block_size.count();
  const std::int64_t missing = (row.final_entries - row.reserved).count();
  const std::int64_t over = (size - missing % size) % size;
  if (missing <= 0 || over == 0) {
    return;
  }
  const std::int64_t last = (row.reserved - row.written).count() + missing / size * size;
  if (last <= steps) {
    outlook.never.push_back({last, supply.bytes_per_token * over});
  }
}

// How long the rows of `batch`, which take a block whenever their last one is full, can go on, for
// at most `steps` steps: to the last one whose blocks are spare.
inline void look_ahead_in_blocks(const RowTable& rows, std::span<const SequenceId> batch,
                                 std::int64_t steps, const BlockSupply& supply,
                                 KvOutlook& outlook) {
  const std::int64_t size = supply.block_size.count();
  outlook.begin(batch.size());
  outlook.block = supply.block;
  outlook.stride = size;
  for (std::size_t i = 0; i < batch.size(); ++i) {
    const Row& row = rows.row(batch[i]);
    const std::int64_t first = (row.reserved - row.written).count();
    TESSERA_INVARIANT(first > 0, "who is scheduled has room for its entry");
    if (first > size) {  // it was given more than its first entries need
      steps = std::min(steps, size);
      continue;
    }
    outlook.first_take[i] = first;
  }
  const auto taken_by = [&](std::int64_t step) {
    std::int64_t taken = 0;
    for (const std::int64_t first : outlook.first_take) {
      taken += first > 0 && first <= step ? (step - first) / size + 1 : 0;
    }
    return taken;
  };
  if (taken_by(steps) > supply.spare.count()) {
    std::int64_t enough = 0;
    while (steps - enough > 1) {
      const std::int64_t middle = enough + (steps - enough) / 2;
      (taken_by(middle) <= supply.spare.count() ? enough : steps) = middle;
    }
    steps = enough;
  }
  outlook.steps = steps;
  for (const SequenceId id : batch) {
    note_never(rows.row(id), supply, steps, outlook);
  }
}

}  // namespace tessera
