// How long a step takes, and why.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/time.hpp"
#include "tessera/cost/cost_specs.hpp"
#include "tessera/cost/engine_overheads.hpp"
#include "tessera/cost/step_shape.hpp"
#include "tessera/hardware/gpu.hpp"
#include "tessera/hardware/node.hpp"
#include "tessera/model/model.hpp"
#include "tessera/model/shard.hpp"

namespace tessera {

// What limits an operation.
enum class Bound { compute, memory, overhead, link };
template <>
struct EnumNames<Bound> {
  static constexpr std::array<std::string_view, 4> names{"compute", "memory", "overhead", "link"};
};

// A step's time, split by what bounds its operations; the parts sum to it exactly.
struct StepTime {
  Duration compute;
  Duration memory;
  Duration overhead;
  Duration link;
  [[nodiscard]] Duration total() const { return compute + memory + overhead + link; }
  StepTime& operator+=(const StepTime& other) {
    compute += other.compute;
    memory += other.memory;
    overhead += other.overhead;
    link += other.link;
    return *this;
  }
  friend StepTime operator+(StepTime a, const StepTime& b) { return a += b; }
  friend bool operator==(const StepTime&, const StepTime&) = default;
};

// One operation of a step, all layers together.
struct OperationTime {
  std::string_view name;   // of DESIGN's list: qkv_proj, attention, mlp_up, …
  std::string_view phase;  // "prefill", "decode", or "all" where both run as one
  std::int64_t layers = 1;
  double flops = 0.0;
  double bytes = 0.0;
  Duration time;
  Bound bound = Bound::overhead;
};

class CostModel {
 public:
  CostModel() = default;
  CostModel(const CostModel&) = delete;
  CostModel& operator=(const CostModel&) = delete;
  virtual ~CostModel() = default;

  // Context enters only as integer coefficients times StepShape's sums, all else as a function of
  // token and sequence counts rounded once, so that a span of steps sums in closed form.
  // Not const: a model may remember what it has worked out. One model a thread.
  [[nodiscard]] virtual StepTime step(const StepShape& shape) = 0;
  // What a token of decode_context more adds to the time of any step, where that is a constant:
  // then steps that differ only in it sum in closed form. Nothing where the model knows no such
  // price.
  [[nodiscard]] virtual std::optional<StepTime> per_context_token() const { return std::nullopt; }
  // The operations that step() adds up; their times sum to its total.
  [[nodiscard]] virtual std::vector<OperationTime> operations(const StepShape& shape) = 0;
};

// Why the card cannot run arithmetic of this precision; nothing where it can. BF16 that a card
// lacks is not refused: it is emulated, and slow.
[[nodiscard]] std::optional<std::string> why_unsupported(const GpuSpec& gpu,
                                                         const PrecisionSpec& precision);

// What of a roofline's times in this precision no measurement stands behind, as a sentence; nothing
// where all have one.
[[nodiscard]] std::optional<std::string> what_is_not_measured(const GpuSpec& gpu,
                                                              const PrecisionSpec& precision,
                                                              const EngineOverheads& overheads);

// Which part of the model a GPU computes, and what its groups reach over the node's links. The
// default is a GPU alone.
struct RankPlace {
  Shard shard;
  GroupLink ranks;   // of the shard's tensor-parallel group
  GroupLink stages;  // to the next stage
};

// The place of one stage's ranks, of which rank 0, which samples, has the most to do: those of the
// engine whose GPUs begin with the node's `first`, while `used` GPUs of the node are in use.
[[nodiscard]] RankPlace place_of_stage(const HardwareSpec& hardware, const ShardDegrees& degrees,
                                       std::int64_t stage, std::int64_t first, std::int64_t used);

// The time of `model` on one GPU, or of its shard on the GPU at `place`: a step's time is then that
// of one stage, and communication is part of it, bound by the link. A model that knows no single
// operations takes what it is given for the whole engine's, and a stage its layers' part of that.
// `overheads` are the engine's, which a roofline adds to its kernels, a stage its layers' part.
// Precondition: for a roofline, the card supports the precision; the bandwidth of the links that
// the degrees need is known.
[[nodiscard]] std::unique_ptr<CostModel> make_cost_model(const CostSpec& spec, const GpuSpec& gpu,
                                                         const ModelSpec& model,
                                                         const PrecisionSpec& precision,
                                                         const RankPlace& place = {},
                                                         const EngineOverheads& overheads = {});

}  // namespace tessera
