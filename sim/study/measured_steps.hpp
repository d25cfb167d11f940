// Measured times of steps and of their operations, as questions to a cost model.
//
// Two kinds of table, told by their header:
//   kernels  Vidur's profile of linear operations, one layer of one rank a row, times in ms:
//            time_stats.<kernel>.median, num_tokens, num_tensor_parallel_workers, n_head, …
//   steps    model, phase, batch, new_tokens, context, and a column of times in ms: whole forward
//            passes
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/config/calibration.hpp"
#include "tessera/cost/explain.hpp"
#include "tessera/model/model.hpp"

namespace tessera {

// One measured time: of an operation, or of the whole step.
struct Observation {
  std::string quantity;                       // "qkv_proj", "decode"
  std::optional<std::string_view> operation;  // of DESIGN's list; nothing: the whole step
  double seconds = 0.0;
  bool fitted = true;
};

struct MeasuredStep {
  std::size_t model = 0;  // of MeasuredSteps::models
  StepQuestion question;
  std::vector<Observation> observations;
  std::string label;  // "llama-7b prefill 4x512"
};

enum class MeasuredExtent { layer, step };

struct MeasuredSteps {
  MeasuredExtent extent = MeasuredExtent::step;
  std::vector<ModelSpec> models;
  std::vector<MeasuredStep> steps;
};

// Throws UnreadableFile, BadInput.
[[nodiscard]] MeasuredSteps read_measured_steps(const std::string& path,
                                                const CalibrationSettings& settings);

}  // namespace tessera
