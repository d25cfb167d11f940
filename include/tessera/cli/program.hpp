// The program `tessera`.
#pragma once

namespace tessera {

// Runs the verb that the arguments name and returns the documented exit status:
// 0 done, 2 some points failed, 64 wrong usage, 65 bad input, 66 unreadable input, 70 internal
// error, 73 the output folder exists, 74 output could not be written.
[[nodiscard]] int run_program(int argc, char** argv);

}  // namespace tessera
