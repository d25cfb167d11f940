// The kinds of sources behind make_request_source, and what can be put on top of each.
#pragma once

#include <cstdint>
#include <memory>

#include "sim/workload/request_lengths.hpp"
#include "sim/workload/trace.hpp"
#include "tessera/workload/request_source.hpp"

namespace tessera {

// The length of a prompt, and of an output, of which nothing is said.
inline constexpr Tokens default_length{128};

// When a source stops.
struct SourceEnd {
  std::int64_t requests = 1000;
  SimTime last_arrival = SimTime::max();  // none arrives later

  // Where a spec gives neither, generators end after 1000 requests. Those that could send without
  // end in one instant always have a number.
  static SourceEnd of_generator(const WorkloadSpec& spec);
  static SourceEnd of_trace(const WorkloadSpec& spec);
};

// Arrivals that take no notice of the node. `Gaps` is a process of gaps.hpp.
template <class Gaps>
[[nodiscard]] std::unique_ptr<RequestSource> make_open_loop(Gaps gaps, RequestLengths lengths,
                                                            SourceEnd end, std::uint64_t seed);
[[nodiscard]] std::unique_ptr<RequestSource> make_closed_loop(const ClosedLoopArrivals& spec,
                                                              RequestLengths lengths, SourceEnd end,
                                                              std::uint64_t seed);
[[nodiscard]] std::unique_ptr<RequestSource> make_trace_replay(Trace trace, RequestLengths lengths,
                                                               SourceEnd end);

// The same requests with the attributes and the following turns that `spec` names; `arrivals`
// itself where it names none.
[[nodiscard]] std::unique_ptr<RequestSource> shape_source(std::unique_ptr<RequestSource> arrivals,
                                                          const WorkloadSpec& spec,
                                                          std::uint64_t seed,
                                                          const std::string& directory);

}  // namespace tessera
