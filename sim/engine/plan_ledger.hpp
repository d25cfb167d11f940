// Who holds what of a device that is divided as planned, while a step uses its workspace and the KV
// cache is used.
#pragma once

#include "tessera/memory/ledger.hpp"
#include "tessera/memory/memory_plan.hpp"

namespace tessera {

// Precondition: workspace_used <= plan.workspace, and the usage's total is plan.pool.
[[nodiscard]] inline DeviceLedger ledger_of(const MemoryPlan& plan, Bytes workspace_used,
                                            const KvUsage& kv) {
  DeviceLedger ledger;
  ledger.capacity = plan.capacity;
  ledger.driver = plan.driver;
  ledger.weights = plan.weights;
  ledger.workspace_used = workspace_used;
  ledger.workspace_idle = plan.workspace - workspace_used;
  ledger.graphs = plan.graphs;
  ledger.outside = plan.outside;
  ledger.kv = kv;
  return ledger;
}

}  // namespace tessera
