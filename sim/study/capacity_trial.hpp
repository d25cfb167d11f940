// One trial of a capacity search: independent runs of one setting at one load, and the verdict.
#pragma once

#include <cstdint>
#include <string>

#include "tessera/study/capacity.hpp"

namespace tessera {

// What of a workload is its load.
struct LoadKnob {
  std::string path;    // "workload.arrivals.rate"
  std::string unit;    // " /s"
  double given = 1.0;  // the scenario's own load
  double least = 0.0;  // what the path may hold
  double most = 0.0;
  bool whole = false;  // whole numbers only
};

// Throws BadInput for arrivals that have no load to vary.
[[nodiscard]] LoadKnob load_knob(const Scenario& scenario);

// As YAML text, to six digits.
[[nodiscard]] std::string load_text(const LoadKnob& knob, double load);
// The load that the text stands for.
[[nodiscard]] double rounded_load(const LoadKnob& knob, double load);

// Runs the trial, `threads` runs at once, in runs at least `lengthening` times as long as the
// scenario's, and longer ones while the verdict is not clear. `loaded` is the setting at its own
// load. Throws BadInput where it cannot run.
[[nodiscard]] CapacityTrial try_load(const CapacityQuestion& question, const Scenario& setting,
                                     const LoadKnob& knob, double load, std::int64_t lengthening,
                                     std::int64_t threads);

// The setting at a load.
[[nodiscard]] Scenario at_load(Scenario setting, const LoadKnob& knob, double load);

}  // namespace tessera
