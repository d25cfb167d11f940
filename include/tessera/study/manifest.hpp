// manifest.json of a study that leaves tables and no runs.
#pragma once

#include <string>

#include "tessera/study/run.hpp"
#include "tessera/study/stopwatch.hpp"

namespace tessera {

// The build, the command and how long it took.
[[nodiscard]] std::string study_manifest(const RunOrigin& origin, const Stopwatch& stopwatch);

}  // namespace tessera
