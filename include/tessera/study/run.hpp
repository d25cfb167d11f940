// One run from a loaded scenario to its files.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "tessera/config/load.hpp"
#include "tessera/core/diagnostic.hpp"
#include "tessera/metrics/output_folder.hpp"
#include "tessera/metrics/run_recorder.hpp"

namespace tessera {

struct RunResult {
  Summary summary;
  NodeRecord node;
  std::vector<GenerationRow> generation;  // where the scenario asks for it: the first steps
  Diagnostics notes;
};

// What goes into manifest.json beside the version, the seed and the scenario's SHA-256.
struct RunOrigin {
  std::vector<std::string> arguments;  // argv
};

// Simulates, and with `folder` writes the files of a run into it (without committing it).
// Throws BadInput for a bad trace, OutputFailed, InvariantViolation.
[[nodiscard]] RunResult run_scenario(const LoadedScenario& loaded, const OutputFolder* folder,
                                     const RunOrigin& origin);

}  // namespace tessera
