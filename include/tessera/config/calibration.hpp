// What `tessera calibrate` fits, and to which part of the measurements.
#pragma once

#include <string>
#include <vector>

#include "tessera/core/quantity.hpp"
#include "tessera/core/spec.hpp"
#include "tessera/core/time.hpp"
#include "tessera/cost/engine_overheads.hpp"
#include "tessera/hardware/gpu.hpp"
#include "tessera/model/precision.hpp"

namespace tessera {

// A plain number of the GPU that is fitted, by its path in the preset: "gemm.compute". Several
// paths take one value.
struct FittedShare {
  std::vector<std::string> paths;
  double start = 0.5;
  double min = 0.01;
  double max = 1.5;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.required("paths", self.paths, "where it stands in a GPU's preset; all take one value");
    v.field("start", self.start, "where the search starts");
    v.field("min", self.min, "least value");
    v.field("max", self.max, "largest value");
  }
};

// A time of the GPU that is fitted: "gemm.launch".
struct FittedTime {
  std::vector<std::string> paths;
  Duration start = Duration::microseconds(5);
  Duration min;
  Duration max = Duration::microseconds(100);

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.required("paths", self.paths, "where it stands in a GPU's preset; all take one value");
    v.field("start", self.start, at_least(Duration{}), "where the search starts");
    v.field("min", self.min, at_least(Duration{}), "least value");
    v.field("max", self.max, at_least(Duration{}), "largest value");
  }
};

// The rows that are fitted; the others are scored.
struct FittedRows {
  std::string column;  // empty: all
  std::vector<std::string> values;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("column", self.column, "the column that tells; empty: every row is fitted");
    v.field("values", self.values, "its values in the rows that are fitted");
  }
};

struct CalibrationSettings {
  std::vector<std::string> about;  // paragraphs at the head of the preset, as comments
  GpuSpec gpu;
  EngineOverheads overheads;
  PrecisionSpec precision;
  std::string time_column = "cuda_graph_ms";
  std::vector<FittedShare> shares;
  std::vector<FittedTime> times;
  FittedRows fit;
  FittedRows fit_elementwise;
  std::vector<std::string> leave_out;
  Tokens elementwise_from{1};
  double robust = 0.1;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("about", self.about, "paragraphs at the head of the preset, as comments");
    v.required("gpu", self.gpu, "the card with its data sheet; constants that are not fitted stay");
    v.field("overheads", self.overheads, "the engine that ran the steps");
    v.field("precision", self.precision, "its number formats");
    v.field("time_column", self.time_column, "of a table of steps: the column of times, in ms");
    v.field("shares", self.shares, "plain numbers that are fitted");
    v.field("times", self.times, "times that are fitted");
    v.field("fit", self.fit, "the rows that are fitted");
    v.field("fit_elementwise", self.fit_elementwise,
            "of a kernel table: those whose elementwise kernels are fitted");
    v.field("leave_out", self.leave_out,
            "models that are left out, one at a time, to score the fit to the rest on them");
    v.field("elementwise_from", self.elementwise_from, at_least(Tokens{1}),
            "of a kernel table: elementwise kernels count from so many tokens on");
    v.field("robust", self.robust, within(0.0, 100.0),
            "relative error from which a point pulls no harder (Huber)");
  }
};

// Throws UnreadableFile, BadInput with every problem.
[[nodiscard]] CalibrationSettings read_calibration_settings(const std::string& path);

// A preset's text, without what every GPU has by default; `head` stands before it as comments.
[[nodiscard]] std::string gpu_preset_text(const GpuSpec& gpu, const std::string& head);

}  // namespace tessera
