// The program `tessera`.
#pragma once

#include <cstdint>

#include "tessera/study/sweep.hpp"

namespace tessera {

// Who runs the points of sweeps in place of threads: the processes of an MPI job.
struct SweepCrew {
  SweepWorkers workers;
  std::int64_t size = 1;
};

// Runs the verb that the arguments name and returns the documented exit status:
// 0 done, 2 some points failed, 64 wrong usage, 65 bad input, 66 unreadable input, 70 internal
// error, 73 the output folder exists, 74 output could not be written. `crew` may be null.
[[nodiscard]] int run_program(int argc, char** argv, const SweepCrew* crew = nullptr);

}  // namespace tessera
