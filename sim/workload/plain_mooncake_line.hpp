// A line of Mooncake's trace as it was published, and as programs write such lines: a flat object
// of the four known keys in any order, with one blank or none behind colons and commas. All others
// are for parse_mooncake_line, which takes whatever JSON may be and says what is wrong.
#pragma once

#include <string_view>

#include "sim/workload/trace.hpp"

namespace tessera {

// Reads the row that `ahead` of LineReader begins with, its ids as the open list. Where the next
// row begins; null, with `row` and the list in no defined state, for one that is not plain or whose
// end is not at hand: that says nothing about whether it is good.
[[nodiscard]] const char* read_plain_mooncake_row(std::string_view ahead, TraceRow& row,
                                                  ContentLists& lists);

}  // namespace tessera
