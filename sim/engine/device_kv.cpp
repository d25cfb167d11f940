#include "sim/engine/device_kv.hpp"

#include <algorithm>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

Bytes in_proportion(Bytes bytes, std::int64_t part, std::int64_t whole) {
  return Bytes{static_cast<std::int64_t>(Int128{bytes.count()} * part / whole)};
}

}  // namespace

DeviceKv::DeviceKv(const EnginePlan& plan)
    : plan_(plan), lead_layers_(plan.layers_of(plan.lead())) {
  for (std::size_t device = 0; device < plan_.devices.size(); ++device) {
    all_layers_ += plan_.layers_of(device);
  }
  multiple_ = all_layers_ % lead_layers_ == 0 ? all_layers_ / lead_layers_ : 0;
}

KvUsage DeviceKv::of_device(const KvUsage& lead, std::size_t device) const {
  const std::int64_t layers = plan_.layers_of(device);
  if (layers == lead_layers_) {
    return lead;
  }
  const auto share = [&](Bytes bytes) { return in_proportion(bytes, layers, lead_layers_); };
  KvUsage own;
  own.live = share(lead.live);
  own.cached_prefix = share(lead.cached_prefix);
  own.dead = share(lead.dead);
  own.pad = share(lead.pad);
  own.duplicate = share(lead.duplicate);
  own.reserved_future = share(lead.reserved_future);
  own.reserved_never = share(lead.reserved_never);
  own.rounding = share(lead.rounding);
  own.cached_free = share(lead.cached_free);
  own.free_unusable = share(lead.free_unusable);
  own.free_usable = share(lead.free_usable);
  own.largest_free = share(lead.largest_free);
  own.inactive_split = share(lead.inactive_split);
  own.external_static = share(lead.external_static);
  own.external_demand = share(lead.external_demand);
  own.withheld = plan_.devices[device].pool - own.total();
  TESSERA_INVARIANT(own.withheld >= Bytes{0}, "a device's share of the KV lies within its pool");
  // Two parts that are rounded down may miss a byte of their sum.
  own.largest_free = std::min(own.largest_free, own.free());
  return own;
}

SequenceKvUsage DeviceKv::in_proportion_to_layers(const SequenceKvUsage& lead) const {
  return {in_proportion(lead.written, all_layers_, lead_layers_),
          in_proportion(lead.reserved, all_layers_, lead_layers_)};
}

}  // namespace tessera
