// The settings of every cost model. The variant CostSpec is their registry.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "tessera/core/spec.hpp"
#include "tessera/core/time.hpp"

namespace tessera {

// Every operation takes its launch and the roofs that its FLOPs and bytes meet; then what the
// engine adds to each step, which `engine.overheads` says.
struct RooflineCostSpec {
  static constexpr std::string_view kind = "roofline";
  static constexpr std::string_view summary =
      "each operation from its FLOPs and bytes and the GPU's measured efficiencies";

  template <class Self, class Visitor>
  static void describe(Self& /*self*/, Visitor& /*v*/) {}
};

// base + per_token · new tokens + per_context_token · Σ context of decodes + per_sequence · entries
struct AffineCostSpec {
  static constexpr std::string_view kind = "affine";
  static constexpr std::string_view summary = "a base time and a price per token";
  Duration base = Duration::milliseconds(10);
  Duration per_token = Duration::microseconds(100);
  Duration per_context_token = Duration::nanoseconds(100);
  Duration per_sequence;
  Duration per_cached_token{};

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("base", self.base, at_least(Duration{}), "a step");
    v.field("per_token", self.per_token, at_least(Duration{}), "a new token, prefill and decode");
    v.field("per_context_token", self.per_context_token, at_least(Duration{}),
            "a token of context that a decode reads");
    v.field("per_sequence", self.per_sequence, at_least(Duration{}), "a sequence of the step");
    v.field("per_cached_token", self.per_cached_token, at_least(Duration{}),
            "a token that is scheduled though the cache has it (vLLM v0's budget counts it)");
  }
};

// What measured times are of, by the names that model and GPU have in a scenario.
struct MeasuredOn {
  std::string model;
  std::string gpu;

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.required("model", self.model, "the name of the model whose layers were timed");
    v.required("gpu", self.gpu, "the name of the GPU");
  }
};

class KernelTables;

// Measured kernel times, interpolated piecewise linearly; what no table measures, and how other
// shapes than the measured ones compare, the roofline says. See kernel_tables.hpp for the formats.
struct ProfiledCostSpec {
  static constexpr std::string_view kind = "profiled";
  static constexpr std::string_view summary = "measured kernel tables, interpolated";
  std::optional<FilePath> dense;
  std::optional<FilePath> attention;
  std::optional<FilePath> per_sequence;
  std::optional<FilePath> linear;
  std::optional<MeasuredOn> measured_on;
  bool extrapolate = false;
  std::shared_ptr<const KernelTables> tables;  // read_kernel_tables() of the above; not a key

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("dense", self.dense,
            "CSV: layer, tokens, time_us: all that a step runs on its tokens but attention");
    v.field("attention", self.attention,
            "CSV: prefill_chunk, kv_prefill, n_decode, kv_decode, time_us: attention of a layer");
    v.field("per_sequence", self.per_sequence, "CSV: layer (lm_head, sampler), sequences, time_us");
    v.field("linear", self.linear,
            "CSV in Vidur's columns: linear and elementwise operations by tokens and degree of "
            "tensor parallelism; other shapes in between follow from the nearest ones");
    v.field("measured_on", self.measured_on,
            "the model and the GPU of the tables; another one of a scenario is refused; null: not "
            "known, which is said");
    v.field("extrapolate", self.extrapolate,
            "go on in a straight line outside what was measured, instead of stopping there");
  }
};

using CostSpec = std::variant<RooflineCostSpec, AffineCostSpec, ProfiledCostSpec>;

}  // namespace tessera
