// How a node of one engine runs. The loop is known by the type of its engine, so that one that is
// final need not be called through its table.
#pragma once

#include <functional>

#include "tessera/core/contract.hpp"
#include "tessera/core/time.hpp"
#include "tessera/workload/request_source.hpp"

namespace tessera {

// Until nothing is left to do; returns when that is. Nobody chooses an engine, so it need not be
// woken for arrivals: it sees them at its boundaries.
template <class AnyEngine>
SimTime run_alone(AnyEngine& engine, RequestSource& source) {
  // Made once: it hears of every request.
  SimTime time_of_ends;
  bool has_ended = false;
  std::function<void(const Request&)> on_end;
  const bool hears_of_ends = source.traits().hears_of_ends;
  if (hears_of_ends) {
    on_end = [&](const Request& request) {
      source.on_end(request, time_of_ends);
      has_ended = true;
    };
  }
  SimTime now;
  SimTime arrival = source.next_arrival();
  while (true) {
    while (arrival <= now) {
      const Request& request = source.pop();
      // A rejection may let a closed loop's user send the next request, now.
      if (!engine.submit(request, now)) {
        source.on_end(request, now);
      }
      arrival = source.next_arrival();
    }
    const SimTime until = engine.schedule(now, arrival);
    if (until == SimTime::max()) {
      if (arrival == SimTime::max()) {
        return now;
      }
      now = arrival;
      continue;
    }
    now = until;
    if (hears_of_ends) {
      time_of_ends = now;
    }
    engine.end_step(now, on_end);
    if (has_ended) {
      has_ended = false;
      arrival = source.next_arrival();  // of a user who has waited for an end
    }
  }
}

}  // namespace tessera
