// From the shards of a sweep to the sweep.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

#include "tessera/study/run.hpp"

namespace tessera {

struct MergeResult {
  std::int64_t num_points = 0;
  std::int64_t num_failed = 0;
  std::int64_t num_shards = 0;  // 0: the folder was merged before
};

// Makes summary.csv, seeds.csv and manifest.json of the folder in which the shards of a sweep are
// finished; what remains is what one process would have left. With `into`, collects the runs of
// several folders in a new one, which appears whole, and leaves the folders alone.
// Throws BadInput when points are missing or the folders hold different sweeps, UnreadableFile,
// OutputExists, OutputFailed. Precondition: at least one folder, exactly one without `into`.
[[nodiscard]] MergeResult merge_sweep(std::span<const std::filesystem::path> folders,
                                      const std::optional<std::filesystem::path>& into,
                                      const RunOrigin& origin);

}  // namespace tessera
