// The classes of the device ledger, in the order of memory.csv.
#include "tessera/memory/ledger.hpp"

#include "tessera/core/contract.hpp"

namespace tessera {

const std::array<std::string_view, DeviceLedger::num_classes> DeviceLedger::class_names{
    "driver",      "weights",      "workspace_used",     "workspace_idle",
    "graphs",      "kv_live",      "kv_cached_prefix",   "kv_dead",
    "kv_pad",      "kv_duplicate", "kv_reserved_future", "kv_reserved_never",
    "kv_rounding", "cached_free",  "withheld",           "free_unusable",
    "free_usable"};

std::array<Bytes, DeviceLedger::num_classes> DeviceLedger::classes() const {
  return {driver,        weights,        workspace_used,        workspace_idle,
          graphs,        kv.live,        kv.cached_prefix,      kv.dead,
          kv.pad,        kv.duplicate,   kv.reserved_future,    kv.reserved_never,
          kv.rounding,   kv.cached_free, kv.withheld + outside, kv.free_unusable,
          kv.free_usable};
}

void DeviceLedger::audit() const {
  Bytes sum{0};
  for (const Bytes bytes : classes()) {
    TESSERA_INVARIANT(bytes >= Bytes{0}, "no class of the ledger is negative");
    sum += bytes;
  }
  TESSERA_INVARIANT(outside >= Bytes{0} && kv.withheld >= Bytes{0},
                    "no class of the ledger is negative");
  TESSERA_INVARIANT(sum == capacity, "the ledger sums to the capacity");
}

}  // namespace tessera
