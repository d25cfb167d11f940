// tessera calibrate: a GPU's constants from measurements.

#include "tessera/study/calibrate.hpp"

#include <cstdio>
#include <filesystem>

#include "sim/cli/options.hpp"
#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"
#include "sim/cli/whole_file.hpp"
#include "tessera/config/load.hpp"

namespace tessera {
namespace {

std::string constants_table(const Calibration& calibration) {
  Table table;
  table.column("constant", Align::left);
  table.column("value", Align::right);
  table.column("+-", Align::right);
  for (const FittedConstant& one : calibration.constants) {
    const double unit = one.is_time ? 1e6 : 1.0;
    const std::string suffix = one.is_time ? " us" : "";
    table.row({one.path, three_digits(one.value * unit) + suffix,
               one.at_bound ? "at its bound" : three_digits(one.error * unit) + suffix});
  }
  return table.text();
}

CalibrationSettings settings_of(const GivenOptions& given, const std::string& measurements) {
  if (const auto file = given.text("settings")) {
    if (given.has("gpu")) {
      throw WrongUsage("--gpu: the settings name the card; give one of both");
    }
    if (given.has("overheads")) {
      throw WrongUsage("--overheads: the settings name the engine; give one of both");
    }
    return read_calibration_settings(*file);
  }
  std::optional<EngineOverheads> engine;
  if (const auto name = given.text("overheads")) {
    engine = overheads_preset(*name);
  }
  return usual_settings(gpu_preset(given.text("gpu").value_or("t4")), engine, measurements);
}

std::string points_csv(const Calibration& calibration) {
  std::string text = "point,quantity,part,measured_us,predicted_us,error\n";
  for (const FittedPoint& one : calibration.points) {
    char numbers[96];
    std::snprintf(numbers, sizeof numbers, ",%.3f,%.3f,%.4f\n", one.measured * 1e6,
                  one.predicted * 1e6, one.predicted / one.measured - 1.0);
    text += "\"" + one.point + "\"," + one.quantity + "," + one.part + numbers;
  }
  return text;
}

std::string scores_table(const Calibration& calibration) {
  Table table;
  table.column("quantity", Align::left);
  table.column("part", Align::left);
  table.column("points", Align::right);
  table.column("median error", Align::right);
  table.column("p95", Align::right);
  table.column("worst", Align::right);
  table.column("worst point", Align::left);
  for (const FitScore& one : calibration.scores) {
    table.row({one.quantity, one.part, grouped(one.points), percent(one.median), percent(one.p95),
               percent(one.worst), one.worst_point});
  }
  return table.text();
}

}  // namespace

VerbOptions calibrate_options() {
  VerbOptions options({
      .synopsis = "tessera calibrate MEASUREMENTS [options]",
      .about =
          "Fits a GPU's constants to measured times by robust least squares within bounds, prints "
          "each with its\nuncertainty and how wrong the fit is on what it saw and on what it did "
          "not, and writes a preset that\n`hardware.gpu` takes (its text as a mapping). "
          "MEASUREMENTS is a CSV table of kernels (Vidur's columns:\ntime_stats.<kernel>.median in "
          "ms, num_tokens, num_tensor_parallel_workers, n_head, ...) or of whole\nsteps (model, "
          "phase, batch, new_tokens, context, and a time in ms). Without --settings the usual\n"
          "constants are fitted to all rows, and steps of three models or more are scored leaving "
          "out each.",
      .examples = "  tessera calibrate llama-2-7b.csv --gpu t4 -o my_t4.yaml\n"
                  "  tessera calibrate steps.csv --gpu h200 --points points.csv\n"
                  "  tessera calibrate steps.csv --settings "
                  "scenarios/calibration/h200.yaml -o h200.yaml\n",
  });
  options.value("output,o", "FILE", "write the preset here")
      .value("settings", "FILE", "which constants to fit, to which rows, from which card")
      .value("gpu", "GPU", "the preset to start from, without --settings (t4)")
      .value("overheads", "ENGINE",
             "the engine that ran whole steps, without --settings\n(hugging_face_cuda_graph)")
      .value("points", "FILE", "write every point, measured and predicted, as CSV here")
      .flag("force", "replace FILE if it exists")
      .flag("quiet,q", "print nothing but problems");
  return options;
}

int calibrate_verb(const Invocation& invocation) {
  const auto given = calibrate_options().parse(invocation.arguments, {1, 1});
  if (!given) {
    return ExitStatus::done;
  }
  const std::string measurements = given->positionals().front();
  const CalibrationSettings settings = settings_of(*given, measurements);
  const Calibration calibration = calibrate(settings, measurements);
  if (const auto file = given->text("output")) {
    std::string head;
    for (const std::string& paragraph : settings.about) {
      head += paragraph + "\n";
    }
    head += "Written by `tessera calibrate`:\n" + report_text(calibration);
    write_whole_file(*file, gpu_preset_text(calibration.gpu, head),
                     given->has("force") ? IfExists::replace : IfExists::refuse);
  }
  if (const auto file = given->text("points")) {
    write_whole_file(*file, points_csv(calibration),
                     given->has("force") ? IfExists::replace : IfExists::refuse);
  }
  if (!given->has("quiet")) {
    print(constants_table(calibration) + "\n" + scores_table(calibration));
  }
  return ExitStatus::done;
}

}  // namespace tessera
