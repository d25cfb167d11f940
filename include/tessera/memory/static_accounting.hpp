// What inference takes, in closed form: weights, KV cache, workspace, and the rules of thumb beside
// them. Prefill of s tokens writes s entries and samples token 1, and the last token is never
// written, so a sequence ends with s + n − 1 entries; the popular 4·b·l·h·(s + n) counts one more,
// and a key and a value head for every query head, in half precision.
#pragma once

#include <optional>
#include <vector>

#include "tessera/hardware/gpu.hpp"
#include "tessera/model/memory_accounting.hpp"
#include "tessera/model/model.hpp"

namespace tessera {

struct InferenceShape {
  std::int64_t batch = 1;  // b, sequences of equal length
  Tokens prompt{1};        // s
  Tokens output{1};        // n
};

struct StaticAccountingRequest {
  const ModelSpec& model;
  const PrecisionSpec& precision;
  InferenceShape shape;
  std::optional<GpuSpec> gpu;          // adds its context, and what it has left
  std::optional<std::int64_t> tensor;  // adds training on so many devices a layer, with s = prompt
};

// The accounts that a person reads from top to bottom. Nothing when a byte count would leave 64
// bits. An encoder has no KV cache, and its accounts none of its rows.
// Precondition: the counts are positive, the model does not contradict itself.
[[nodiscard]] std::optional<std::vector<MemoryAccount>> static_accounts(
    const StaticAccountingRequest& request);

}  // namespace tessera
