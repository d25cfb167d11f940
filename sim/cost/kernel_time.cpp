#include "sim/cost/kernel_time.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

// BF16 on a card without it goes through single precision and conversions. A T4 was measured at
// 2.0 to 2.5 TFLOP/s there, where its single precision reaches 4.2 to 4.4.
constexpr double bf16_emulation = 0.55;

// 4-bit weights are unpacked before use; 8-bit ones are read as they are.
bool is_unpacked(WeightFormat format) {
  switch (format) {
    case WeightFormat::int4:
    case WeightFormat::awq:
    case WeightFormat::gptq:
    case WeightFormat::nf4:
    case WeightFormat::q4_0:
      return true;
    default:
      return false;
  }
}

// Attention, and the head of a quantised model, compute in half precision unless all is single.
ComputeFormat unquantised(ComputeFormat format) {
  const bool integer = format == ComputeFormat::int8 || format == ComputeFormat::int4;
  return integer ? ComputeFormat::fp16 : format;
}

double norm_of(const KernelEfficiency& efficiency) {
  switch (efficiency.roofs) {
    case RoofRule::max:
      return std::numeric_limits<double>::infinity();
    case RoofRule::sum:
      return 1.0;
    case RoofRule::norm:
      break;
  }
  return efficiency.norm;
}

// The factors at `tokens`; linear between the points, constant outside.
EfficiencyPoint interpolate(const std::vector<EfficiencyPoint>& points, Tokens tokens) {
  const auto above = std::find_if(points.begin(), points.end(), [&](const EfficiencyPoint& point) {
    return point.tokens >= tokens;
  });
  if (above == points.begin()) {
    return points.front();
  }
  if (above == points.end()) {
    return points.back();
  }
  const EfficiencyPoint& below = *std::prev(above);
  const double share = static_cast<double>((tokens - below.tokens).count()) /
                       static_cast<double>((above->tokens - below.tokens).count());
  return {tokens, below.compute + share * (above->compute - below.compute),
          below.memory + share * (above->memory - below.memory)};
}

// Whether the engine's factors on prefills are those of this GPU.
bool holds_on(const EngineOverheads& overheads, const GpuSpec& gpu) {
  const std::string& where = overheads.prefill_architecture;
  return where.empty() || where == gpu.architecture;
}

// A factor on the rates of kernels that compute in `format`: where the engine's factors on those of
// half precision hold; else 1.
double where_it_holds(double factor, const EngineOverheads& overheads, const GpuSpec& gpu,
                      ComputeFormat format) {
  const bool half = format == ComputeFormat::fp16 || format == ComputeFormat::bf16;
  return half && holds_on(overheads, gpu) ? factor : 1.0;
}

const KernelEfficiency& products_of(const GpuSpec& gpu, ComputeFormat format) {
  const bool emulated = format == ComputeFormat::bf16 && !(gpu.peak.bf16 > Flops{0.0});
  if (format == ComputeFormat::fp32 || emulated) {
    return gpu.gemm_fp32;
  }
  const bool integer = format == ComputeFormat::int8 || format == ComputeFormat::int4;
  return integer ? gpu.gemm_int8 : gpu.gemm;
}

}  // namespace

Flops peak_rate(const GpuSpec& gpu, ComputeFormat format) {
  switch (format) {
    case ComputeFormat::fp32:
      return gpu.peak.fp32;
    case ComputeFormat::fp16:
      return gpu.peak.fp16;
    case ComputeFormat::bf16:
      return gpu.peak.bf16 > Flops{0.0} ? gpu.peak.bf16
                                        : Flops{gpu.peak.fp32.value() * bf16_emulation};
    case ComputeFormat::int8:
      return gpu.peak.int8;
    case ComputeFormat::int4:
      return gpu.peak.int4;
  }
  TESSERA_INVARIANT(false, "the compute format is one of its names");
  return Flops{};
}

Tokens Roofs::tiled(Tokens tokens) const {
  return tokens > tile_from ? round_up(tokens, token_tile) : tokens;
}

OperationWork Roofs::at_tokens(const OperationWork& work, Tokens tokens) const {
  if (by_tokens.empty()) {
    return work;
  }
  const EfficiencyPoint factors = interpolate(by_tokens, tokens);
  return {work.flops / factors.compute, work.weight_bytes / factors.memory,
          work.activation_bytes / factors.memory, work.kernels};
}

Roofs roofs_of(const KernelEfficiency& efficiency, Flops peak, const GpuSpec& gpu) {
  const Bandwidth bandwidth = gpu.memory_bandwidth;
  TESSERA_INVARIANT(peak > Flops{0.0} && bandwidth > Bandwidth{0.0},
                    "the card has the arithmetic that a scenario asks for");
  const double bytes_per_second = bandwidth.value() * efficiency.memory;
  const bool has_cache = efficiency.cached > 0.0;
  Roofs roofs;
  roofs.flops_per_second = peak.value() * efficiency.compute;
  roofs.bytes_per_second = bytes_per_second;
  roofs.weight_bytes_per_second = bytes_per_second;
  roofs.cached_bytes_per_second =
      has_cache ? bandwidth.value() * efficiency.cached : bytes_per_second;
  roofs.cached_bytes = has_cache ? static_cast<double>(gpu.l2_cache.count()) : 0.0;
  roofs.norm = norm_of(efficiency);
  roofs.launch = efficiency.launch;
  roofs.token_tile = efficiency.token_tile;
  roofs.tile_from = efficiency.tile_from;
  roofs.sequence = efficiency.sequence;
  roofs.by_tokens = efficiency.by_tokens;
  return roofs;
}

double combine(double compute, double memory, double norm) {
  const double greater = std::max(compute, memory);
  const double lesser = std::min(compute, memory);
  if (!(lesser > 0.0)) {
    return greater;
  }
  return greater * std::pow(1.0 + std::pow(lesser / greater, norm), 1.0 / norm);
}

StepTime kernel_time(const OperationWork& work, const Roofs& roofs) {
  const double compute = work.flops / roofs.flops_per_second;
  const double cached =
      std::min(work.activation_bytes, static_cast<double>(work.kernels) * roofs.cached_bytes);
  const double memory = work.weight_bytes / roofs.weight_bytes_per_second +
                        cached / roofs.cached_bytes_per_second +
                        (work.activation_bytes - cached) / roofs.bytes_per_second;
  const Duration time = Duration::from_seconds(combine(compute, memory, roofs.norm));
  StepTime parts;
  parts.overhead = roofs.launch * work.kernels;
  (compute > memory ? parts.compute : parts.memory) = time;
  return parts;
}

double prefill_factor(const EngineOverheads& overheads, const GpuSpec& gpu,
                      const PrecisionSpec& precision) {
  const bool awq = precision.weights == WeightFormat::awq;
  const double factor = awq ? overheads.prefill_awq.value_or(overheads.prefill) : overheads.prefill;
  return where_it_holds(factor, overheads, gpu, precision.compute);
}

std::optional<std::string> what_is_not_measured(const GpuSpec& gpu, const PrecisionSpec& precision,
                                                const EngineOverheads& overheads) {
  const WeightFormat weights = precision.weights;
  const bool measured =
      weights == WeightFormat::awq && overheads.prefill_awq && holds_on(overheads, gpu);
  if (!is_unpacked(weights) || measured) {
    return std::nullopt;
  }
  return "prefills with " + std::string(name_of(weights)) + " weights under " + overheads.name +
         " were not measured on the " + gpu.name +
         ": their products are priced as those of half-precision weights (AutoAWQ's kernel took "
         "five times as long on a T4)";
}

Bound greatest_part(const StepTime& time) {
  Bound bound = Bound::compute;
  Duration most = time.compute;
  const auto consider = [&](Duration part, Bound candidate) {
    if (part > most) {
      most = part;
      bound = candidate;
    }
  };
  consider(time.memory, Bound::memory);
  consider(time.overhead, Bound::overhead);
  consider(time.link, Bound::link);
  return bound;
}

GpuRoofs::GpuRoofs(const GpuSpec& gpu, const PrecisionSpec& precision,
                   const EngineOverheads& overheads) {
  const auto roofs = [&](const KernelEfficiency& efficiency, Flops peak) {
    Roofs result = roofs_of(efficiency, peak, gpu);
    result.launch = Duration::from_seconds(result.launch.to_seconds() * overheads.intercepts);
    return result;
  };
  const ComputeFormat whole = unquantised(precision.compute);
  layers = roofs(products_of(gpu, precision.compute), peak_rate(gpu, precision.compute));
  if (is_unpacked(precision.weights)) {
    layers.weight_bytes_per_second *= overheads.dequantisation.value_or(gpu.dequantisation);
  }
  head = roofs(products_of(gpu, whole), peak_rate(gpu, whole));
  const bool single = whole == ComputeFormat::fp32;
  prefill_attention =
      roofs(single ? gpu.attention_prefill_fp32 : gpu.attention_prefill, peak_rate(gpu, whole));
  prefill_attention.flops_per_second *=
      where_it_holds(overheads.prefill_attention, overheads, gpu, whole);
  decode_attention = roofs(gpu.attention_decode, peak_rate(gpu, whole));
  norm = roofs(gpu.elementwise.norm, gpu.peak.fp32);
  rope = roofs(gpu.elementwise.rope, gpu.peak.fp32);
  activation = roofs(gpu.elementwise.activation, gpu.peak.fp32);
  residual = roofs(gpu.elementwise.residual, gpu.peak.fp32);
  copy = roofs(gpu.elementwise.copy, gpu.peak.fp32);
  concat = roofs(gpu.elementwise.concat, gpu.peak.fp32);
  concat_strided = roofs(gpu.elementwise.concat_strided, gpu.peak.fp32);
}

const Roofs& GpuRoofs::of(Operation operation) const {
  switch (operation) {
    case Operation::qkv_proj:
    case Operation::out_proj:
    case Operation::mlp_up:
    case Operation::mlp_down:
      return layers;
    case Operation::lm_head:
      return head;
    case Operation::norm:
      return norm;
    case Operation::rope:
      return rope;
    case Operation::mlp_act:
      return activation;
    case Operation::residual:
      return residual;
    default:
      return copy;
  }
}

}  // namespace tessera
