// manifest.json of a sweep: the one file of it that holds wall-clock values.
#pragma once

#include <span>
#include <string>

#include "tessera/study/sweep.hpp"

namespace tessera {

[[nodiscard]] std::string sweep_manifest(const SweepPlan& plan, std::span<const SweepRow> rows,
                                         const SweepExecution& execution, double wall_seconds);

}  // namespace tessera
