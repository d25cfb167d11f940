// What parameters and training take, in closed form: no run, no allocator.
//
// Activations kept for the backward pass are those of Korthikanti et al. 2022, "Reducing Activation
// Recomputation in Large Transformer Models": half precision, dropout masks of a byte, an MLP of
// 4·h. They hold for training only: inference keeps about one layer's live tensors.
#pragma once

#include <cstdint>

#include "tessera/model/memory_row.hpp"
#include "tessera/model/model.hpp"

namespace tessera {

// What the weights take at two bytes a parameter, by part, with the count in each formula; and the
// textbook's l·12·h² and l·12·h² + V·h.
[[nodiscard]] MemoryAccount parameter_account(const ModelSpec& model);

// The weights in every format, scales included.
[[nodiscard]] MemoryAccount weight_account(const ModelSpec& model);

struct TrainingShape {
  std::int64_t batch = 1;     // b, of one step on one device
  std::int64_t sequence = 1;  // s
  std::int64_t tensor = 1;    // t, devices that share every layer
};

// What the optimiser's step keeps, in two accountings that differ in what they hold in fp32:
//   mixed precision  2+2+4+4+4 = 16 bytes a parameter: weights and gradients in half precision,
//                    master weights and Adam's m and v in fp32 (Micikevicius et al. 2018)
//   in units of phi  phi + 2·phi + 4·phi, phi being the bytes of the half-precision weights: the
//                    gradients in fp32, Adam's m and v in fp32, no master copy: 14 bytes
// Each total adds the activations of all layers without recomputation (X·phi); that in units of phi
// also "other", what a step keeps outside the layers: 5·s·b·h + 4·s·b·V, logits in fp32. The rows
// of a total sum to it. Buffers of a framework and fragmentation are in neither. On one device: the
// states are not sharded.
[[nodiscard]] MemoryAccount training_account(const ModelSpec& model, const TrainingShape& shape);

// Bytes kept for the backward pass, one layer and all layers, under every form of parallelism and
// recomputation. A share of 1/t that is not whole is rounded up.
[[nodiscard]] MemoryAccount activation_account(const ModelSpec& model, const TrainingShape& shape);

}  // namespace tessera
