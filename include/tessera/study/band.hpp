// How far the numbers of a run move when the GPU's constants are off by so much.
#pragma once

#include <string>
#include <vector>

#include "tessera/config/load.hpp"
#include "tessera/metrics/run_recorder.hpp"

namespace tessera {

// One number of the summary and its range over the band, as texts; empty where undefined.
struct BandRow {
  std::string column;
  std::string low;
  std::string value;
  std::string high;
};

// The GPU with every reached rate times `factor` and every launch divided by it: 0.9 is a card that
// is slower by a tenth.
[[nodiscard]] GpuSpec with_speed(GpuSpec gpu, double factor);

// Runs the scenario on the card that is slower by `band` (0.1 is a tenth) and on the one that is
// faster; the lowest and the highest of the three values of each number, in the summary's order.
// Precondition: a roofline, and 0 < band < 1. Throws as run_scenario() does.
[[nodiscard]] std::vector<BandRow> run_band(const LoadedScenario& loaded, const Summary& nominal,
                                            double band);

// band.csv: metric, low, value, high.
[[nodiscard]] std::string band_csv(const std::vector<BandRow>& rows);

}  // namespace tessera
