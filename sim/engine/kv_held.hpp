// What sequences of a paged pool have held, as integrals over time.
#pragma once

#include "tessera/core/time.hpp"

namespace tessera {

// In picoseconds.
struct KvHeld {
  Int128 entries = 0;
  Int128 blocks = 0;
  Int128 never = 0;  // entries of room that will never be used
};

[[nodiscard]] inline KvHeld operator+(const KvHeld& a, const KvHeld& b) {
  return {
      .entries = a.entries + b.entries, .blocks = a.blocks + b.blocks, .never = a.never + b.never};
}

}  // namespace tessera
