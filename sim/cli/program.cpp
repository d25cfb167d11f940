#include "tessera/cli/program.hpp"

#include <cstdio>
#include <string_view>

#include "tessera/core/version.hpp"

namespace tessera {

int run_program(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--version") {
    std::printf("tessera %s (%s)\n", version().data(), git_hash().data());
    return 0;
  }
  return 64;
}

}  // namespace tessera
