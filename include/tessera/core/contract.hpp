// Checks of our own mistakes. A violated invariant is a bug of Tessera, never bad input: it throws
// InvariantViolation, which the program reports by name with exit status 70.
#pragma once

#include <stdexcept>
#include <string>

namespace tessera {

class InvariantViolation : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// Throws InvariantViolation with the invariant's name and the place. Out of line and cold, so that
// a check costs one predictable branch.
[[noreturn]] void invariant_violated(const char* invariant, const char* file, int line);

}  // namespace tessera

// `invariant` says in words what must hold ("the ledger sums to the capacity").
#define TESSERA_INVARIANT(condition, invariant)                       \
  do {                                                                \
    if (!(condition)) [[unlikely]] {                                  \
      ::tessera::invariant_violated((invariant), __FILE__, __LINE__); \
    }                                                                 \
  } while (false)
