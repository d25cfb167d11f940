#include "sim/cli/notes.hpp"

#include <cstdio>
#include <set>
#include <string>

namespace tessera {

void print_notes(std::span<const Diagnostic> notes) {
  std::set<std::string> printed;
  for (const Diagnostic& note : notes) {
    const std::string line = to_string(note) + "\n";
    if (printed.insert(line).second) {
      std::fwrite(line.data(), 1, line.size(), stderr);
    }
  }
}

}  // namespace tessera
