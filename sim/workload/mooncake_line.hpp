// One line of Mooncake's trace (FAST'25): a flat JSON object with a request's time, lengths and the
// ids of its prompt's 512-token pieces.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sim/workload/trace_attributes.hpp"
#include "tessera/core/diagnostic.hpp"
#include "tessera/core/time.hpp"

namespace tessera {

struct MooncakeRow {
  Duration arrival;
  std::uint32_t prompt = 0;
  std::uint32_t output = 0;
  std::uint32_t max_output = 0;  // the key max_tokens; 0 where it is missing
  TraceAttributes attributes;
};

// Reads `line`, which stands at `place`, and replaces `hash_ids` by its ids (none where it has no
// such key; keys that are neither these nor attributes are passed over). Throws BadInput with the
// column.
[[nodiscard]] MooncakeRow parse_mooncake_line(std::string_view line, const Place& place,
                                              std::vector<std::uint64_t>& hash_ids);

}  // namespace tessera
