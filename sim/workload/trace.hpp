// Recorded arrivals and lengths, read from the files that people have: Vidur's CSV, Microsoft
// Azure's (2023 and 2024), BurstGPT's, and Mooncake's JSON lines.
//
// The first request that is kept arrives at time 0; the others keep their distances to it, divided
// by `rate_scale`. `skip` counts rows of the file; `limit` counts requests in order of time, after
// the filters. Rows without a prompt or without an output (BurstGPT's failed requests) are left
// out, with a note. A column (or key) max_tokens, where there is one, is the limit of the output.
#pragma once

#include <cstdint>
#include <span>
#include <streambuf>
#include <string>
#include <vector>

#include "sim/workload/content_lists.hpp"
#include "sim/workload/trace_attributes.hpp"
#include "tessera/core/diagnostic.hpp"
#include "tessera/core/time.hpp"
#include "tessera/workload/workload_specs.hpp"

namespace tessera {

struct TraceRow {
  Duration arrival;  // since the first
  std::uint32_t prompt = 0;
  std::uint32_t output = 0;
  std::uint32_t max_output = 0;     // its max_tokens; 0: it has none
  std::uint32_t attributes_at = 0;  // of Trace::attributes
  std::uint64_t pieces_at = 0;      // of Trace::pieces; 0: the empty list
};

struct Trace {
  std::vector<TraceRow> rows;                   // in order of arrival
  ContentLists pieces;                          // content ids of the rows' pieces
  std::vector<TraceAttributes> attributes{{}};  // those of rows without any come first
  std::int64_t filtered = 0;   // rows left out, for whichever reason but skip and limit
  std::int64_t reordered = 0;  // rows that arrive before the row above them

  [[nodiscard]] std::span<const std::uint64_t> pieces_of(const TraceRow& row) const {
    return pieces.at(row.pieces_at);
  }
};

// Throws BadInput, with the line, for text that is not a trace, and where no request is left.
// `file` is the name in messages; `spec.file` is not looked at.
[[nodiscard]] Trace read_trace(std::streambuf& text, const std::string& file,
                               const TraceArrivals& spec, Diagnostics& notes);

}  // namespace tessera
