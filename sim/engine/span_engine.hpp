// The engine that gets through many steps at once, for vLLM v1's scheduler, first come first
// served, over paged KV without prefix caching. docs/spans.md explains it.
#pragma once

#include <memory>
#include <string>

#include "sim/engine/serving_engine.hpp"

namespace tessera {

// Why this engine cannot serve the scenario, in a few words; empty where it can.
[[nodiscard]] std::string why_not_in_spans(const Scenario& scenario, const MemoryPlan& plan);

// Precondition: why_not_in_spans() is empty, and the recorder takes spans.
[[nodiscard]] std::unique_ptr<ServingEngine> make_span_engine(EngineId id, const Scenario& scenario,
                                                              const MemoryPlan& plan,
                                                              Recorder& recorder);

}  // namespace tessera
