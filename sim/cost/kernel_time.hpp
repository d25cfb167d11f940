// The time of kernels: their launches, and the roofs that their FLOPs and bytes meet.
#pragma once

#include <vector>

#include "tessera/cost/cost_model.hpp"
#include "tessera/cost/operation_work.hpp"

namespace tessera {

// What a class of kernels reaches on one GPU.
struct Roofs {
  double flops_per_second = 1.0;
  double bytes_per_second = 1.0;
  double weight_bytes_per_second = 1.0;  // lower where weights are unpacked first
  double cached_bytes_per_second = 1.0;  // of a kernel's first bytes, up to `cached_bytes`
  double cached_bytes = 0.0;
  double norm = 1.0;  // q of KernelEfficiency; infinite for the maximum
  Duration launch;
  Tokens token_tile{1};
  Tokens tile_from{0};
  Duration sequence;
  std::vector<EfficiencyPoint> by_tokens;

  // `tokens` as the matrix products see them.
  [[nodiscard]] Tokens tiled(Tokens tokens) const;
  // The work that takes as long at the shares above as `work` does at those for `tokens`.
  [[nodiscard]] OperationWork at_tokens(const OperationWork& work, Tokens tokens) const;
};

// The card's peak in `format`, with what of it is left where the card emulates it.
[[nodiscard]] Flops peak_rate(const GpuSpec& gpu, ComputeFormat format);

// peak·efficiency and bandwidth·efficiency.
[[nodiscard]] Roofs roofs_of(const KernelEfficiency& efficiency, Flops peak, const GpuSpec& gpu);

// (compute^q + memory^q)^(1/q), in seconds; the greater one where q is infinite.
[[nodiscard]] double combine(double compute, double memory, double norm);

// The launches are overhead; the rest, rounded once, is put down to the greater roof.
[[nodiscard]] StepTime kernel_time(const OperationWork& work, const Roofs& roofs);

// The engine's factor on compute rates for the matrix products of prefills on this GPU: of
// half-precision arithmetic, since rates of others are those of the engines that have kernels for
// them.
[[nodiscard]] double prefill_factor(const EngineOverheads& overheads, const GpuSpec& gpu,
                                    const PrecisionSpec& precision);

// What takes most of `time`.
[[nodiscard]] Bound greatest_part(const StepTime& time);

// The efficiencies of a GPU as roofs, for one precision, under an engine's kernels.
struct GpuRoofs {
  Roofs layers;  // matrix products with the layers' weights
  Roofs head;    // the LM head, which stays unquantised
  Roofs prefill_attention;
  Roofs decode_attention;
  Roofs norm;
  Roofs rope;
  Roofs activation;
  Roofs residual;
  Roofs copy;
  Roofs concat;
  Roofs concat_strided;

  GpuRoofs(const GpuSpec& gpu, const PrecisionSpec& precision,
           const EngineOverheads& overheads = {});
  [[nodiscard]] const Roofs& of(Operation operation) const;
};

}  // namespace tessera
