// manifest.json of a sweep: the one file of it that holds wall-clock values.
#pragma once

#include <span>
#include <string>

#include "sim/study/stopwatch.hpp"
#include "tessera/study/sweep.hpp"

namespace tessera {

[[nodiscard]] std::string sweep_manifest(const SweepPlan& plan, std::span<const SweepRow> rows,
                                         const SweepExecution& execution,
                                         const Stopwatch& stopwatch);

}  // namespace tessera
