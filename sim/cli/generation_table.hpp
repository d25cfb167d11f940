// The generation loop as `tessera run` prints it.
#pragma once

#include <string>
#include <vector>

#include "tessera/metrics/generation.hpp"

namespace tessera {

// A line a step: the work without a KV cache, and beside it that with one.
[[nodiscard]] std::string generation_table(const std::vector<GenerationRow>& rows);

}  // namespace tessera
