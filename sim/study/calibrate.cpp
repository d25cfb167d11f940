#include "tessera/study/calibrate.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>
#include <set>
#include <utility>

#include "sim/study/gpu_constants.hpp"
#include "sim/study/least_squares.hpp"
#include "sim/study/measured_steps.hpp"
#include "tessera/config/load.hpp"
#include "tessera/core/diagnostic.hpp"
#include "tessera/cost/cost_model.hpp"
#include "tessera/cost/explain.hpp"

namespace tessera {
namespace {

// A constant that is looked for: its places, and its range in plain numbers or seconds.
struct Unknown {
  std::vector<std::string> paths;
  Parameter range;
  bool is_time = false;
};

std::vector<Unknown> unknowns_of(const CalibrationSettings& settings) {
  std::vector<Unknown> unknowns;
  for (const FittedShare& one : settings.shares) {
    unknowns.push_back({one.paths, {one.start, one.min, one.max}, false});
  }
  for (const FittedTime& one : settings.times) {
    unknowns.push_back(
        {one.paths, {one.start.to_seconds(), one.min.to_seconds(), one.max.to_seconds()}, true});
  }
  return unknowns;
}

[[noreturn]] void refuse(const std::string& file, const std::string& why) {
  throw BadInput(Place{file, 0, 0}, why);
}

void check(const std::vector<Unknown>& unknowns, const GpuSpec& gpu) {
  const std::string where = "the settings of the calibration";
  if (unknowns.empty()) {
    refuse(where, "name no constant to fit; give 'shares' or 'times'");
  }
  for (const Unknown& unknown : unknowns) {
    if (unknown.paths.empty()) {
      refuse(where, "'paths' is empty; name a constant of a GPU's preset");
    }
    for (const std::string& path : unknown.paths) {
      if (!constant_at(gpu, path)) {
        refuse(where, "'" + path + "' is no plain number and no time of a GPU's preset");
      }
    }
    if (!(unknown.range.min < unknown.range.max)) {
      refuse(where, "'min' of " + unknown.paths.front() + " must lie below its 'max'");
    }
  }
}

GpuSpec with_constants(GpuSpec gpu, const std::vector<Unknown>& unknowns,
                       const std::vector<double>& values) {
  for (std::size_t i = 0; i < unknowns.size(); ++i) {
    for (const std::string& path : unknowns[i].paths) {
      set_constant(gpu, path, values[i]);
    }
  }
  return gpu;
}

// Four digits, or tens of nanoseconds: more is noise, and a preset is read by people.
double rounded(double value, bool is_time) {
  if (is_time) {
    return std::round(value * 1e8) * 1e-8;
  }
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return std::strtod(text, nullptr);
}

// What explain() says of a step, by the operations' names and "total".
double predicted(const std::vector<OperationTime>& rows, const Observation& observation) {
  for (const OperationTime& row : rows) {
    if (row.name == observation.operation.value_or("total")) {
      return row.time.to_seconds();
    }
  }
  return 0.0;
}

// One measured time beside its prediction.
struct Compared {
  const MeasuredStep* step;
  const Observation* observation;
  double error;  // predicted / measured - 1
};

// All observations that `wanted` accepts, in their order.
template <class Wanted>
std::vector<Compared> compare(const CalibrationSettings& settings, const GpuSpec& gpu,
                              const MeasuredSteps& measured, Wanted wanted) {
  std::vector<std::unique_ptr<CostModel>> costs;
  for (const ModelSpec& model : measured.models) {
    costs.push_back(make_cost_model(RooflineCostSpec{}, gpu, model, settings.precision, RankPlace{},
                                    settings.overheads));
  }
  std::vector<Compared> all;
  for (const MeasuredStep& step : measured.steps) {
    const ModelSpec& model = measured.models[step.model];
    CostModel& cost = *costs[step.model];
    const std::vector<OperationTime> rows = measured.extent == MeasuredExtent::layer
                                                ? explain_layer(cost, step.question, model)
                                                : explain(cost, step.question, model);
    for (const Observation& one : step.observations) {
      if (!wanted(step, one)) {
        continue;
      }
      all.push_back({&step, &one, predicted(rows, one) / one.seconds - 1.0});
    }
  }
  return all;
}

template <class Wanted>
LeastSquaresFit fit_to(const CalibrationSettings& settings, const std::vector<Unknown>& unknowns,
                       const MeasuredSteps& measured, Wanted wanted) {
  LeastSquaresProblem problem;
  for (const Unknown& unknown : unknowns) {
    problem.parameters.push_back(unknown.range);
  }
  problem.robust = settings.robust;
  problem.residuals = [&](const std::vector<double>& values) {
    const GpuSpec gpu = with_constants(settings.gpu, unknowns, values);
    std::vector<double> residuals;
    for (const Compared& one : compare(settings, gpu, measured, wanted)) {
      residuals.push_back(std::log1p(std::max(one.error, -0.999)));
    }
    return residuals;
  };
  return fit(problem);
}

double quantile(const std::vector<double>& sorted, double q) {
  const double position = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (position - std::floor(position)) * (sorted[above] - sorted[below]);
}

FitScore score_of(const std::vector<Compared>& points, std::string quantity, std::string part) {
  FitScore score;
  score.quantity = std::move(quantity);
  score.part = std::move(part);
  score.points = static_cast<std::int64_t>(points.size());
  std::vector<double> errors;
  for (const Compared& one : points) {
    const double error = std::fabs(one.error);
    errors.push_back(error);
    if (error > score.worst) {
      score.worst = error;
      score.worst_point = one.step->label;
    }
  }
  std::sort(errors.begin(), errors.end());
  score.median = quantile(errors, 0.5);
  score.p95 = quantile(errors, 0.95);
  return score;
}

// A score a quantity, in the order of their first points.
void add_scores(const std::vector<Compared>& points, const std::string& part, Calibration& result) {
  std::vector<std::string> quantities;
  for (const Compared& one : points) {
    const std::string& name = one.observation->quantity;
    if (std::find(quantities.begin(), quantities.end(), name) == quantities.end()) {
      quantities.push_back(name);
    }
  }
  for (const std::string& quantity : quantities) {
    std::vector<Compared> of_it;
    std::copy_if(points.begin(), points.end(), std::back_inserter(of_it),
                 [&](const Compared& one) { return one.observation->quantity == quantity; });
    result.scores.push_back(score_of(of_it, quantity, part));
  }
  for (const Compared& one : points) {
    const double measured = one.observation->seconds;
    result.points.push_back(
        {one.step->label, one.observation->quantity, part, measured, measured * (1.0 + one.error)});
  }
}

GpuSpec fitted_gpu(const CalibrationSettings& settings, const std::vector<Unknown>& unknowns,
                   const LeastSquaresFit& result) {
  std::vector<double> values = result.values;
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = rounded(values[i], unknowns[i].is_time);
  }
  return with_constants(settings.gpu, unknowns, values);
}

std::int64_t points_of(const MeasuredSteps& measured) {
  std::int64_t points = 0;
  for (const MeasuredStep& step : measured.steps) {
    points += std::count_if(step.observations.begin(), step.observations.end(),
                            [](const Observation& one) { return one.fitted; });
  }
  return points;
}

// Fits to the other models, and scores on the one that was left out.
void score_without(const std::string& name, const CalibrationSettings& settings,
                   const std::vector<Unknown>& unknowns, const MeasuredSteps& measured,
                   Calibration& result) {
  const auto is_it = [&](const MeasuredStep& step, const Observation& /*one*/) {
    return measured.models[step.model].name == name;
  };
  const auto others = [&](const MeasuredStep& step, const Observation& one) {
    return one.fitted && !is_it(step, one);
  };
  const bool known = std::any_of(measured.models.begin(), measured.models.end(),
                                 [&](const ModelSpec& model) { return model.name == name; });
  if (!known || measured.models.size() < 2) {
    refuse("the settings of the calibration",
           "'leave_out' names '" + name + "', without which " +
               (known ? "nothing is left" : "the table is the same: it has no such model"));
  }
  const GpuSpec gpu = fitted_gpu(settings, unknowns, fit_to(settings, unknowns, measured, others));
  add_scores(compare(settings, gpu, measured, is_it), "without " + name, result);
}

FittedTime time_of(std::vector<std::string> paths, Duration start, Duration max) {
  FittedTime result;
  result.paths = std::move(paths);
  result.start = start;
  result.max = max;
  return result;
}

std::vector<std::string> elementwise_paths(std::initializer_list<const char*> kernels,
                                           const std::string& constant) {
  std::vector<std::string> paths;
  for (const char* const kernel : kernels) {
    paths.push_back("elementwise." + std::string(kernel) + "." + constant);
  }
  return paths;
}

// Each kernel has rows of its own.
void fit_kernels(CalibrationSettings& settings) {
  settings.elementwise_from = Tokens{128};
  for (const char* const kernel : {"norm", "rope", "activation", "residual"}) {
    settings.shares.push_back({elementwise_paths({kernel}, "memory"), 0.6, 0.05, 2.0});
    settings.times.push_back(time_of(elementwise_paths({kernel}, "launch"),
                                     Duration::microseconds(5), Duration::microseconds(100)));
  }
}

// A step tells no more of its elementwise kernels than what they take together.
void fit_steps(CalibrationSettings& settings) {
  const auto kernels = {"norm", "rope", "activation", "residual", "copy"};
  settings.robust = 0.05;
  settings.shares.push_back({elementwise_paths(kernels, "memory"), 0.6, 0.05, 1.5});
  if (settings.gpu.l2_cache > Bytes{0}) {
    settings.shares.push_back({elementwise_paths(kernels, "cached"), 1.2, 0.1, 8.0});
  }
  settings.shares.push_back({{"attention_prefill.compute"}, 0.15, 0.01, 1.5});
  settings.shares.push_back({{"attention_decode.memory"}, 0.9, 0.05, 1.5});
  const Duration some = Duration::nanoseconds(2500);
  const Duration most = Duration::microseconds(50);
  std::vector<std::string> launches = elementwise_paths(kernels, "launch");
  if (settings.overheads.concatenates) {
    settings.shares.push_back({elementwise_paths({"concat"}, "memory"), 0.8, 0.05, 1.5});
    settings.shares.push_back({elementwise_paths({"concat_strided"}, "memory"), 0.15, 0.01, 1.5});
    launches.push_back("elementwise.concat.launch");
    settings.times.push_back(time_of(elementwise_paths({"concat_strided"}, "launch"), some, most));
  }
  settings.times.push_back(time_of(std::move(launches), some, most));
  settings.times.push_back(time_of({"attention_prefill.launch"}, some, most));
  settings.times.push_back(time_of({"attention_decode.launch"}, some, most));
  settings.times.push_back(
      time_of({"attention_decode.sequence"}, Duration::nanoseconds(300), most));
}

std::string number_text(const char* format, double value) {
  char text[64];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

}  // namespace

Calibration calibrate(const CalibrationSettings& settings, const std::string& measurements) {
  const std::vector<Unknown> unknowns = unknowns_of(settings);
  check(unknowns, settings.gpu);
  const MeasuredSteps measured = read_measured_steps(measurements, settings);
  if (points_of(measured) <= static_cast<std::int64_t>(unknowns.size())) {
    refuse(measurements, "the table has " + std::to_string(points_of(measured)) +
                             " points to fit, too few for " + std::to_string(unknowns.size()) +
                             " constants");
  }
  const auto fitted = [](const MeasuredStep&, const Observation& one) { return one.fitted; };
  const auto held_out = [](const MeasuredStep&, const Observation& one) { return !one.fitted; };
  const LeastSquaresFit found = fit_to(settings, unknowns, measured, fitted);
  Calibration result;
  result.gpu = fitted_gpu(settings, unknowns, found);
  for (std::size_t i = 0; i < unknowns.size(); ++i) {
    const Unknown& unknown = unknowns[i];
    for (const std::string& path : unknown.paths) {
      const double value = found.values[i];
      const bool at_bound = value <= unknown.range.min || value >= unknown.range.max;
      result.constants.push_back(
          {path, rounded(value, unknown.is_time), found.errors[i], unknown.is_time, at_bound});
    }
  }
  add_scores(compare(settings, result.gpu, measured, fitted), "fitted", result);
  add_scores(compare(settings, result.gpu, measured, held_out), "held out", result);
  for (const std::string& name : settings.leave_out) {
    score_without(name, settings, unknowns, measured, result);
  }
  return result;
}

CalibrationSettings usual_settings(const GpuSpec& gpu, const std::optional<EngineOverheads>& engine,
                                   const std::string& measurements) {
  CalibrationSettings settings;
  settings.gpu = gpu;
  // Fused kernels; steps are mostly those of Hugging Face's models.
  settings.overheads = engine.value_or(overheads_preset("vllm_cuda_graphs"));
  settings.shares = {{{"gemm.compute"}, 0.5, 0.01, 1.5},
                     {{"gemm.memory"}, 0.8, 0.05, 1.5},
                     {{"gemm.norm"}, 1.5, 1.0, 8.0}};
  settings.times = {
      time_of({"gemm.launch"}, Duration::microseconds(5), Duration::microseconds(100))};
  const MeasuredSteps measured = read_measured_steps(measurements, settings);
  if (measured.extent == MeasuredExtent::layer) {
    fit_kernels(settings);
    return settings;
  }
  settings.overheads = engine.value_or(overheads_preset("hugging_face_cuda_graph"));
  fit_steps(settings);
  for (const ModelSpec& model : measured.models) {
    if (measured.models.size() > 2) {
      settings.leave_out.push_back(model.name);
    }
  }
  return settings;
}

std::string report_text(const Calibration& calibration) {
  std::string text;
  for (const FittedConstant& one : calibration.constants) {
    const double unit = one.is_time ? 1e6 : 1.0;
    text += one.path + " = " + number_text("%.4g", one.value * unit) + (one.is_time ? " us" : "") +
            (one.at_bound ? " (at its bound)" : " +- " + number_text("%.2g", one.error * unit)) +
            "\n";
  }
  for (const FitScore& one : calibration.scores) {
    text += one.quantity + ", " + one.part + ": " + std::to_string(one.points) +
            " points, median error " + number_text("%.1f", 100.0 * one.median) + " %, p95 " +
            number_text("%.1f", 100.0 * one.p95) + " %, worst " +
            number_text("%.0f", 100.0 * one.worst) + " % (" + one.worst_point + ")\n";
  }
  return text;
}

}  // namespace tessera
