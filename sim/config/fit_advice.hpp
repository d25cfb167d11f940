// What to say when a model does not fit its GPU.
#pragma once

#include <string>

#include "tessera/engine/scenario.hpp"
#include "tessera/memory/memory_plan.hpp"

namespace tessera {

// How many bytes are missing, what takes the memory, and which changes would make it fit.
[[nodiscard]] std::string fit_advice(const Scenario& scenario, const DoesNotFit& fault);

// "14.74 GiB".
[[nodiscard]] std::string in_gib(Bytes bytes);

}  // namespace tessera
