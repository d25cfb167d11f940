#include "tessera/core/contract.hpp"

namespace tessera {

void invariant_violated(const char* invariant, const char* file, int line) {
  throw InvariantViolation(std::string(invariant) + " (" + file + ":" + std::to_string(line) + ")");
}

}  // namespace tessera
