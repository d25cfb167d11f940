// What the placements count of their free runs, kept up to date run by run.
#pragma once

#include <vector>

#include "tessera/core/contract.hpp"
#include "tessera/memory/placement.hpp"

namespace tessera {

class RunTotals {
 public:
  explicit RunTotals(Units quantum) : quantum_(quantum) {
    TESSERA_INVARIANT(quantum > Units{0}, "a quantum is positive");
  }

  void add(Units run) {
    free_ += run;
    remainders_ += remainder_of(run);
  }
  void remove(Units run) {
    free_ -= run;
    remainders_ -= remainder_of(run);
  }
  [[nodiscard]] Units free() const { return free_; }
  [[nodiscard]] Units remainders() const { return remainders_; }

  // Checks the totals against the runs themselves, which must lie in order inside the arena.
  void audit(const std::vector<Extent>& runs, Units arena) const {
    RunTotals fresh(quantum_);
    Units end{0};
    for (const Extent& run : runs) {
      TESSERA_INVARIANT(run.size > Units{0} && run.offset >= end, "free runs are apart, in order");
      fresh.add(run.size);
      end = run.offset + run.size;
    }
    TESSERA_INVARIANT(end <= arena, "free runs lie in the arena");
    TESSERA_INVARIANT(fresh.free_ == free_, "the free total is the sum of the free runs");
    TESSERA_INVARIANT(fresh.remainders_ == remainders_,
                      "the remainders are those of the free runs");
  }

 private:
  // Without the division where there is nothing to divide.
  [[nodiscard]] Units remainder_of(Units run) const {
    return quantum_ == Units{1} ? Units{0} : run % quantum_;
  }

  Units quantum_;
  Units free_{0};
  Units remainders_{0};
};

}  // namespace tessera
