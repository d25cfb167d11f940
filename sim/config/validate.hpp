// What no single field can tell: whether the parts of a scenario go together.
#pragma once

#include "sim/config/document.hpp"
#include "sim/config/problems.hpp"
#include "tessera/engine/scenario.hpp"

namespace tessera {

// Writes out the defaults that depend on other fields: lengths and number of requests where nothing
// gives them, the longest context.
void fill_in(Scenario& scenario);

// Reports at the keys of `tree`, from which `scenario` was read. A rule is left out where what it
// looks at has been reported already.
void check_scenario(const Scenario& scenario, const Node& tree, Problems& problems);

// The same, of the rules that the time of one step depends on.
void check_step(const Scenario& scenario, const Node& tree, Problems& problems);

}  // namespace tessera
