// A line of Mooncake's trace as it was published, and as programs write such lines: a flat object
// of the four known keys in any order, with one blank or none behind colons and commas. All others
// are for parse_mooncake_line, which takes whatever JSON may be and says what is wrong.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "sim/workload/mooncake_line.hpp"

namespace tessera {

// Reads a line of LineReader into `row` and `hash_ids`. False, with both in no defined state, for
// one that is not plain: that says nothing about whether it is good.
[[nodiscard]] bool read_plain_mooncake_line(std::string_view line, MooncakeRow& row,
                                            std::vector<std::uint64_t>& hash_ids);

}  // namespace tessera
