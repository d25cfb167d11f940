// The device ledger: every byte of a GPU's memory, by what it is for. The classes sum to the
// capacity exactly, at every instant.
#pragma once

#include <array>
#include <string_view>

#include "tessera/core/quantity.hpp"
#include "tessera/memory/kv_cache.hpp"

namespace tessera {

struct DeviceLedger {
  Bytes capacity{0};
  Bytes driver{0};  // driver and CUDA context
  Bytes weights{0};
  Bytes workspace_used{0};  // activations, logits, sampler of the step that runs
  Bytes workspace_idle{0};  // reserved for the largest step, not used by this one
  Bytes graphs{0};          // CUDA graphs
  // Outside the engine's utilisation limit, or left over by a pool of fixed size. In memory.csv it
  // is part of withheld_bytes.
  Bytes outside{0};
  KvUsage kv;

  static constexpr std::size_t num_classes = 17;
  // The names of memory.csv without "_bytes", in its order, and the values in the same order.
  static const std::array<std::string_view, num_classes> class_names;
  [[nodiscard]] std::array<Bytes, num_classes> classes() const;

  // Throws InvariantViolation unless the classes are non-negative and sum to the capacity.
  void audit() const;
};

}  // namespace tessera
