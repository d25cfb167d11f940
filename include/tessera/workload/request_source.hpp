// Where requests come from: a generator, a trace, or users in a closed loop.
#pragma once

#include <cstdint>
#include <memory>

#include "tessera/core/diagnostic.hpp"
#include "tessera/core/time.hpp"
#include "tessera/workload/request.hpp"
#include "tessera/workload/workload_specs.hpp"

namespace tessera {

// What a source changed or left out, so that nothing is silent.
struct SourceCounts {
  std::int64_t requests = 0;           // handed out
  std::int64_t clamped_prompts = 0;    // draws outside min..max
  std::int64_t clamped_outputs = 0;    // of the outputs and of their limits
  std::int64_t shortened_outputs = 0;  // by max_total_tokens
  std::int64_t filtered = 0;           // trace rows left out by a filter
  std::int64_t reordered = 0;          // trace rows that came before their predecessor
};

// What the requests of a source may do beside arriving and being computed.
struct SourceTraits {
  bool gives_up = false;           // some have a gives_up_at
  bool several_sequences = false;  // some have more than one sequence
  bool hears_of_ends = true;       // on_end() may bring another request; else nobody need call it
};

class RequestSource {
 public:
  RequestSource() = default;
  RequestSource(const RequestSource&) = delete;
  RequestSource& operator=(const RequestSource&) = delete;
  virtual ~RequestSource() = default;

  // When the next request arrives; SimTime::max() when none is known to. Never before the last one.
  [[nodiscard]] SimTime next_arrival() const { return next_arrival_; }
  // Takes it. It is good until the next is taken. Precondition: next_arrival() < SimTime::max().
  // Ids count up from 0.
  virtual const Request& pop() = 0;
  // A request has ended, in whatever way; a closed loop's user may now send another, not before
  // `now`. Called in order of ending.
  virtual void on_end(const Request& request, SimTime now) = 0;
  [[nodiscard]] virtual SourceCounts counts() const = 0;
  // Known before the first request.
  [[nodiscard]] virtual SourceTraits traits() const { return {}; }

 protected:
  // Each source says so when it is made, and whenever it changes. (It is asked for more often.)
  void announce(SimTime next_arrival) { next_arrival_ = next_arrival; }

 private:
  SimTime next_arrival_ = SimTime::max();
};

// Draws from streams named after what they draw ("arrivals", "prompt_tokens", "output_tokens",
// "max_output_tokens", "think_time", "tenants", "priorities", "shared_prefixes", "turns",
// "turn_think_time", "cancellations", and "rows" where both lengths come from one row of a file),
// so that equal seeds give equal arrivals whatever the lengths are. A generator given neither
// `requests` nor `duration` ends after 1000 requests, as does a burst given only a `duration`; a
// trace ends with its rows. `directory` is where relative file names start. `notes` receives what a
// user should hear (an unsorted trace). Throws BadInput for a bad trace (with its line),
// UnreadableFile for a missing one.
[[nodiscard]] std::unique_ptr<RequestSource> make_request_source(const WorkloadSpec& spec,
                                                                 std::uint64_t seed,
                                                                 const std::string& directory,
                                                                 Diagnostics& notes);

}  // namespace tessera
