// What the program says of itself as a whole.
#pragma once

#include <string>

#include "sim/cli/verbs.hpp"

namespace tessera {

// One sentence.
[[nodiscard]] std::string program_summary();
// The verbs, three examples, and where there is more.
[[nodiscard]] std::string overview();

// Throws WrongUsage with a suggestion.
[[nodiscard]] const Verb& find_verb(const std::string& name);

}  // namespace tessera
