// The KV of an engine's devices. A KV manager counts the bytes of the lead device; all devices hold
// the same tokens, and memory goes by layers, so that each has its layers' share of every class.
#pragma once

#include <cstdint>

#include "tessera/memory/kv_cache.hpp"
#include "tessera/memory/memory_plan.hpp"

namespace tessera {

class DeviceKv {
 public:
  explicit DeviceKv(const EnginePlan& plan);

  // The classes of one device, which sum to its pool: bytes that do not divide are withheld.
  [[nodiscard]] KvUsage of_device(const KvUsage& lead, std::size_t device) const;
  // What a sequence holds on all devices together.
  [[nodiscard]] SequenceKvUsage of_all_devices(const SequenceKvUsage& lead) const {
    if (multiple_ > 0) {
      return {lead.written * multiple_, lead.reserved * multiple_};
    }
    return in_proportion_to_layers(lead);
  }

 private:
  [[nodiscard]] SequenceKvUsage in_proportion_to_layers(const SequenceKvUsage& lead) const;

  EnginePlan plan_;
  std::int64_t lead_layers_;
  std::int64_t all_layers_ = 0;  // of all devices, copies on the ranks of a stage among them
  std::int64_t multiple_ = 0;    // of the lead's layers, if they are one
};

}  // namespace tessera
