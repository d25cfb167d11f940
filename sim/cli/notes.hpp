// What the user should hear beside the results, on the standard error.
#pragma once

#include <span>

#include "tessera/core/diagnostic.hpp"

namespace tessera {

// Each different note once.
void print_notes(std::span<const Diagnostic> notes);

}  // namespace tessera
