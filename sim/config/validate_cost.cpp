// Rules about what steps take: number formats that the GPU has, tables that are there and are those
// of this model and GPU, and what no measurement stands behind.
#include <string>
#include <variant>

#include "sim/config/rules.hpp"
#include "tessera/cost/cost_model.hpp"

namespace tessera {
namespace {

Flops peak_of(const PeakRates& peak, ComputeFormat format) {
  switch (format) {
    case ComputeFormat::fp32:
      return peak.fp32;
    case ComputeFormat::fp16:
      return peak.fp16;
    case ComputeFormat::bf16:
      return peak.bf16;
    case ComputeFormat::int8:
      return peak.int8;
    case ComputeFormat::int4:
      return peak.int4;
  }
  return {};
}

}  // namespace

void Rules::check_cost() {
  check_precision();
  check_cost_files();
  check_measured_on();
  check_calibration();
}

void Rules::check_precision() {
  if (!sound({"precision", "hardware.gpu"})) {
    return;
  }
  const PeakRates& peak = scenario_.hardware.gpu.peak;
  const ComputeFormat compute = scenario_.precision.compute;
  check_format("precision.compute", name_of(compute), peak_of(peak, compute));
  if (scenario_.precision.weights == WeightFormat::bf16) {
    check_format("precision.weights", "bf16", peak.bf16);
  }
}

void Rules::check_format(std::string_view path, std::string_view format, Flops peak) {
  if (peak > Flops{0.0}) {
    return;
  }
  const std::string gpu = "the " + scenario_.hardware.gpu.name;
  if (format == "bf16") {
    fault(path, gpu + " only emulates bf16; " +
                    (path == "precision.weights" ? "load the weights as fp16" : "use fp16"));
    return;
  }
  fault(path, gpu + " has no " + std::string(format) + " arithmetic (hardware.gpu.peak." +
                  std::string(format) + " is 0); use fp16");
}

void Rules::check_cost_files() {
  const auto* profiled = std::get_if<ProfiledCostSpec>(&scenario_.cost);
  if (profiled == nullptr || !sound({"cost"})) {
    return;
  }
  const auto check = [&](std::string_view path, const std::optional<FilePath>& file) {
    if (file) {
      check_file(path, file->path);
    }
  };
  check("cost.dense", profiled->dense);
  check("cost.attention", profiled->attention);
  check("cost.per_sequence", profiled->per_sequence);
  check("cost.linear", profiled->linear);
}

void Rules::check_measured_on() {
  const auto* profiled = std::get_if<ProfiledCostSpec>(&scenario_.cost);
  if (profiled == nullptr || !sound({"cost", "model", "hardware.gpu"})) {
    return;
  }
  const std::string& model = scenario_.model.name;
  const std::string& gpu = scenario_.hardware.gpu.name;
  // Tables of `linear` say their shapes themselves.
  const bool of_one_model = profiled->dense || profiled->attention || profiled->per_sequence;
  if (!profiled->measured_on) {
    note("cost", "nothing says what the tables were measured with: they are taken to be " +
                     (of_one_model ? "those of " + model + " on the " : "times of the ") + gpu +
                     " (cost.measured_on: {model: ..., gpu: ...})");
    return;
  }
  const auto refuse = [&](const char* key, const std::string& measured, const std::string& runs) {
    fault(join_path("cost.measured_on", key),
          "the tables were measured with " + measured + ", and the scenario has " + runs +
              "; take tables of " + runs + ", or {kind: roofline}");
  };
  if (of_one_model && profiled->measured_on->model != model) {
    refuse("model", profiled->measured_on->model, model);
  }
  if (profiled->measured_on->gpu != gpu) {
    refuse("gpu", profiled->measured_on->gpu, gpu);
  }
}

void Rules::check_calibration() {
  const auto* profiled = std::get_if<ProfiledCostSpec>(&scenario_.cost);
  const bool has_products = profiled != nullptr && (profiled->dense || profiled->linear);
  if (std::holds_alternative<AffineCostSpec>(scenario_.cost) || has_products ||
      !sound({"cost", "precision", "hardware.gpu", "engine.overheads"})) {
    return;
  }
  const auto why =
      what_is_not_measured(scenario_.hardware.gpu, scenario_.precision, scenario_.engine.overheads);
  if (why) {
    note("precision.weights", *why);
  }
}

}  // namespace tessera
