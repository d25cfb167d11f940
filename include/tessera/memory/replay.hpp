// An allocation trace through a device allocator, with the allocator's counters after every
// operation.
//
// A trace is CSV with a header. It needs the columns `op` (alloc or free), `id` (a whole number
// that names an allocation while it lives) and `size` (bytes; not looked at in a free). In `addr`,
// where there is such a column and a value in it, an allocation says which address it got when the
// trace was recorded; new segments are put there. Other columns are ignored, so that what a replay
// writes can be replayed. The rows that come out have the columns
//   op,id,size,addr,ok,requested,allocated,active,reserved,inactive_split,segments,retries
// where ok = 0 is an allocation that ran out of memory, or the free of one. Lines end as the
// trace's header does, so that the rows of a trace that has them already can be compared byte by
// byte.
#pragma once

#include <cstdint>
#include <filesystem>
#include <iosfwd>
#include <string_view>

#include "tessera/memory/device_allocator.hpp"

namespace tessera {

struct ReplaySummary {
  std::int64_t operations = 0;
  std::int64_t allocations = 0;  // granted
  std::int64_t refused = 0;      // out of memory
  Bytes peak_allocated{0};
  Bytes peak_reserved{0};
  AllocatorCounters last;  // after the last operation
};

// Reads to the trace's end and writes a row an operation. `name` stands for the trace in messages.
// Throws BadInput, with line and column, at the first thing that cannot be read or cannot be: an
// allocation of an id that is live, a free of one that is not. What comes before has been written.
// Whether `rows` took it all is for the caller to ask.
ReplaySummary replay_trace(std::istream& trace, std::string_view name, DeviceAllocator& allocator,
                           std::ostream& rows);

// The same of a file, decompressed where its name ends in .gz or .xz. Throws UnreadableFile.
ReplaySummary replay_file(const std::filesystem::path& file, DeviceAllocator& allocator,
                          std::ostream& rows);

}  // namespace tessera
