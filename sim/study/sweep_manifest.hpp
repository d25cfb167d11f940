// manifest.json of a sweep: the one file of it that holds wall-clock values.
#pragma once

#include <cstdint>
#include <string>

#include "tessera/study/run.hpp"
#include "tessera/study/stopwatch.hpp"

namespace tessera {

struct SweepManifest {
  std::string scenario_sha256;
  std::int64_t num_points = 0;
  std::int64_t num_failed = 0;
  std::int64_t num_workers = 0;
};

[[nodiscard]] std::string sweep_manifest(const SweepManifest& contents, const RunOrigin& origin,
                                         const Stopwatch& stopwatch);

}  // namespace tessera
