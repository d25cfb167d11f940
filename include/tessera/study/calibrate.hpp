// Fits a GPU's constants to measurements, and says how wrong the fit is on what it has not seen.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tessera/config/calibration.hpp"

namespace tessera {

struct FittedConstant {
  std::string path;
  double value = 0.0;  // a plain number, or seconds
  double error = 0.0;  // its standard error; 0 where it stands at a bound
  bool is_time = false;
  bool at_bound = false;
};

// Relative errors |predicted / measured - 1| over one set of points.
struct FitScore {
  std::string quantity;  // an operation, a phase, or "all"
  std::string part;      // "fitted", "held out", "without gpt2"
  std::int64_t points = 0;
  double median = 0.0;
  double p95 = 0.0;
  double worst = 0.0;
  std::string worst_point;
};

// One measured time beside the fit's.
struct FittedPoint {
  std::string point;
  std::string quantity;
  std::string part;
  double measured = 0.0;   // seconds
  double predicted = 0.0;  // seconds
};

struct Calibration {
  GpuSpec gpu;  // constants rounded to what is printed
  std::vector<FittedConstant> constants;
  std::vector<FitScore> scores;
  std::vector<FittedPoint> points;  // behind the scores, in their order
};

// Throws UnreadableFile, BadInput: the table, a constant that does not exist, fewer points than
// constants, a model to leave out that the table has not.
[[nodiscard]] Calibration calibrate(const CalibrationSettings& settings,
                                    const std::string& measurements);

// The settings where none are given: what a table of this kind tells of a card. `engine` ran what
// was measured; where it is not told, whole steps are taken for those of Hugging Face's models in a
// CUDA graph, and kernels for fused ones.
[[nodiscard]] CalibrationSettings usual_settings(const GpuSpec& gpu,
                                                 const std::optional<EngineOverheads>& engine,
                                                 const std::string& measurements);

// The fit as lines of text: constants with their errors, and the scores.
[[nodiscard]] std::string report_text(const Calibration& calibration);

}  // namespace tessera
