// From a spec to the model that it names.
#include "sim/cost/layer_share.hpp"
#include "sim/cost/models.hpp"

namespace tessera {
namespace {

AffineCostSpec stage_part(AffineCostSpec spec, const ModelSpec& model, const Shard& shard) {
  const LayerShare share(model, shard);
  spec.base = share.of(spec.base);
  spec.per_token = share.of(spec.per_token);
  spec.per_context_token = share.of(spec.per_context_token);
  spec.per_sequence = share.of(spec.per_sequence);
  return spec;
}

// The engine's own time lies between the kernels of all layers.
EngineOverheads stage_part(EngineOverheads overheads, const ModelSpec& model, const Shard& shard) {
  const LayerShare share(model, shard);
  overheads.step = share.of(overheads.step);
  overheads.sequence = share.of(overheads.sequence);
  return overheads;
}

}  // namespace

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

RankPlace place_of_stage(const HardwareSpec& hardware, const ShardDegrees& degrees,
                         std::int64_t stage, std::int64_t first, std::int64_t used) {
  RankPlace place;
  place.shard = {degrees, 0, stage};
  const GpuGroup ranks{first + stage * degrees.tensor, degrees.tensor};
  if (degrees.tensor > 1) {
    place.ranks = link_of(hardware, ranks, used);
  }
  if (!place.shard.is_last_stage()) {
    place.stages = link_of(hardware, {ranks.first, 2 * ranks.size}, used);
  }
  return place;
}

std::unique_ptr<CostModel> make_cost_model(const CostSpec& spec, const GpuSpec& gpu,
                                           const ModelSpec& model, const PrecisionSpec& precision,
                                           const RankPlace& place,
                                           const EngineOverheads& overheads) {
  if (const auto* affine = std::get_if<AffineCostSpec>(&spec)) {
    return make_affine_model(stage_part(*affine, model, place.shard));
  }
  if (const auto* profiled = std::get_if<ProfiledCostSpec>(&spec)) {
    return make_profiled_model(*profiled, model, place,
                               [&](const ModelSpec& other, const RankPlace& at) {
                                 return make_roofline_model(gpu, other, precision, at,
                                                            stage_part(overheads, other, at.shard));
                               });
  }
  return make_roofline_model(gpu, model, precision, place,
                             stage_part(overheads, model, place.shard));
}

}  // namespace tessera
