// From a spec to the model that it names.
#include "sim/cost/models.hpp"

namespace tessera {

std::optional<std::string> why_unsupported(const GpuSpec& gpu, const PrecisionSpec& precision) {
  const auto unless = [&gpu](Flops peak, std::string_view units) -> std::optional<std::string> {
    if (peak > Flops{0.0}) {
      return std::nullopt;
    }
    return gpu.name + " has no " + std::string(units) + " arithmetic (its peak rate is 0)";
  };
  // Norms and the like compute in single precision; attention and the LM head of a model that
  // computes in integers, in half precision.
  if (auto missing = unless(gpu.peak.fp32, "fp32")) {
    return missing;
  }
  const ComputeFormat compute = precision.compute;
  if (compute == ComputeFormat::fp32 || compute == ComputeFormat::bf16) {
    return std::nullopt;
  }
  if (auto missing = unless(gpu.peak.fp16, "fp16")) {
    return missing;
  }
  if (compute == ComputeFormat::int8) {
    return unless(gpu.peak.int8, "int8");
  }
  return compute == ComputeFormat::int4 ? unless(gpu.peak.int4, "int4") : std::nullopt;
}

std::unique_ptr<CostModel> make_cost_model(const CostSpec& spec, const GpuSpec& gpu,
                                           const ModelSpec& model, const PrecisionSpec& precision) {
  if (const auto* affine = std::get_if<AffineCostSpec>(&spec)) {
    return make_affine_model(*affine);
  }
  if (const auto* profiled = std::get_if<ProfiledCostSpec>(&spec)) {
    return make_profiled_model(*profiled, model, [&](const ModelSpec& other) {
      return make_roofline_model(RooflineCostSpec{}, gpu, other, precision);
    });
  }
  return make_roofline_model(std::get<RooflineCostSpec>(spec), gpu, model, precision);
}

}  // namespace tessera
