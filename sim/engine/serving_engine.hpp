// What the node drives: an engine that takes requests and is busy with steps, in whatever way it
// gets through them.
//
// At every boundary the node calls end_step(), if the engine is busy until then; then submit() for
// what has arrived; then schedule(). All engines decide alike: they differ in how many steps they
// take from one boundary to the next.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "sim/engine/run_alone.hpp"
#include "tessera/engine/recorder.hpp"
#include "tessera/engine/scenario.hpp"
#include "tessera/memory/memory_plan.hpp"
#include "tessera/workload/request_source.hpp"

namespace tessera {

class ServingEngine {
 public:
  ServingEngine() = default;
  ServingEngine(const ServingEngine&) = delete;
  ServingEngine& operator=(const ServingEngine&) = delete;
  virtual ~ServingEngine() = default;

  // A request has arrived and is seen now. True if it was taken in; one that can never run is
  // recorded as rejected.
  [[nodiscard]] virtual bool submit(const Request& request, SimTime now) = 0;
  // Decides and launches steps until as many are in flight as may be, or nothing is left to
  // compute. Nothing will be submitted before `horizon`: an engine may run on to the end of the
  // first step that ends at or after it. Returns until when it is busy; max() where it is idle.
  // Precondition: horizon > now.
  virtual SimTime schedule(SimTime now, SimTime horizon) = 0;
  // What is in flight ends: its tokens are sampled, and who is done leaves. `on_end` hears of each,
  // if there is one. Precondition: busy, and busy_until() == now.
  virtual void end_step(SimTime now, const std::function<void(const Request&)>& on_end) = 0;

  // Serves a source alone, to its end; returns when that is.
  virtual SimTime run(RequestSource& source) { return run_alone(*this, source); }
  // Nothing is left to do: what it has summed up is recorded.
  virtual void finish() {}

  [[nodiscard]] virtual bool busy() const = 0;
  [[nodiscard]] virtual SimTime busy_until() const = 0;
  [[nodiscard]] virtual std::int64_t iterations() const = 0;
  // Of its KV pools, by all that is decided: what a router may look at.
  [[nodiscard]] virtual Bytes kv_reserved() const = 0;
};

// The engine that the scenario asks for with `advance`; one step at a time where its rules or what
// the recorder wants to know allow no more.
[[nodiscard]] std::unique_ptr<ServingEngine> make_engine(EngineId id, const Scenario& scenario,
                                                         const EnginePlan& plan,
                                                         const SourceTraits& source,
                                                         Recorder& recorder);

}  // namespace tessera
