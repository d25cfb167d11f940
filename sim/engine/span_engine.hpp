// The engine that gets through many steps at once, for vLLM v1's scheduler, first come first
// served, over paged KV without prefix caching. docs/spans.md explains it.
//
// span_engine.cpp decides: who is served, preempted and admitted, and how far a span goes. What it
// decides by and about has files of its own:
//   request_limits.hpp  which requests can be served at all
//   span_sequence.hpp   a sequence, and what is known of its request so far
//   span_queue.hpp      who waits
//   running_list.hpp    who runs, in order of admission; each of them is in one of
//   prefill_batch.hpp   who prefills
//   decode_batch.hpp    who decodes, as a whole, with event_ring.hpp for who leaves when
//   counted_pool.hpp    the blocks
//   span_pricer.hpp     how long steps take
//   phase_clocks.hpp    where the time of requests goes
//   span_totals.hpp     what is told at the end; kv_held.hpp is a part of it
//   span_report.hpp     what is told of each span, with last_blocks.hpp, to whoever asks
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
