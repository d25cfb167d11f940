// The settings of every cost model. The variant CostSpec is their registry.
#pragma once

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

  template <class Self, class Visitor>
  static void describe(Self& self, Visitor& v) {
    v.field("base", self.base, at_least(Duration{}), "a step");
    v.field("per_token", self.per_token, at_least(Duration{}), "a new token, prefill and decode");
    v.field("per_context_token", self.per_context_token, at_least(Duration{}),
            "a token of context that a decode reads");
    v.field("per_sequence", self.per_sequence, at_least(Duration{}), "a sequence of the step");
  }
};

using CostSpec = std::variant<RooflineCostSpec, AffineCostSpec>;

}  // namespace tessera
