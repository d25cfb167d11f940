// Runs a scenario.
#pragma once

#include <memory>
#include <string>
#include <variant>

#include "tessera/core/diagnostic.hpp"
#include "tessera/engine/recorder.hpp"
#include "tessera/engine/scenario.hpp"
#include "tessera/memory/memory_plan.hpp"
#include "tessera/workload/request_source.hpp"

namespace tessera {

// How the scenario divides the memory of each engine's devices. Config checks it before a run.
// Precondition: the model can be shared as the scenario wants it (why_not_shared).
[[nodiscard]] std::variant<EnginePlan, DoesNotFit> plan_engine(const Scenario& scenario);

// The same of an engine's lead device, whose bytes its KV manager counts, and the bytes that a
// token takes there.
[[nodiscard]] std::variant<MemoryPlan, DoesNotFit> plan_memory(const Scenario& scenario);
[[nodiscard]] Bytes lead_kv_bytes_per_token(const Scenario& scenario);

// The KV manager of each engine, empty, on the pool of `plan`, its lead device's.
[[nodiscard]] std::unique_ptr<KvCache> make_kv_cache(const Scenario& scenario,
                                                     const MemoryPlan& plan);

// Why the run advances step by step though many steps at once would be faster, in a few words;
// empty where it does not. Precondition: as of simulate().
[[nodiscard]] std::string why_step_by_step(const Scenario& scenario, const SourceTraits& source,
                                           const Recorder& recorder);

// Simulates until every request has ended. Precondition: the scenario is valid (load_scenario, or
// as careful); its memory plan fits. Throws InvariantViolation where the simulator itself errs.
void simulate(const Scenario& scenario, RequestSource& source, Recorder& recorder);

// The same with the scenario's own workload. Throws BadInput for a bad trace file; adds what the
// user should hear to `notes`.
void simulate(const Scenario& scenario, Recorder& recorder, Diagnostics& notes);

}  // namespace tessera
