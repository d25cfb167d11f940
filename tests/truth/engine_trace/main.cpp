// engine_trace TRACE_DIR --workloads DIR: replays a recorded run of a real engine's scheduler and
// compares every field of every step. Exit status: 0 equal; 1 the first difference is printed; 64
// wrong usage; 65 the trace is bad or not modelled; 66 a file cannot be read; 70 internal error.
#include <exception>
#include <iostream>
#include <string_view>

#include "tessera/core/contract.hpp"
#include "tessera/core/diagnostic.hpp"
#include "tests/truth/engine_trace/step_trace.hpp"

int main(int argc, char** argv) {
  std::string folder;
  std::string workloads;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--workloads" && i + 1 < argc) {
      workloads = argv[++i];
    } else if (folder.empty() && !argument.starts_with("--")) {
      folder = argument;
    } else {
      folder.clear();
      break;
    }
  }
  if (folder.empty() || workloads.empty()) {
    std::cerr << "usage: engine_trace TRACE_DIR --workloads DIR\n";
    return 64;
  }
  try {
    const auto trace = tessera::truth::read_step_trace(folder, workloads);
    const std::string difference = tessera::truth::first_difference(trace);
    if (!difference.empty()) {
      std::cout << folder << ": " << difference << "\n";
      return 1;
    }
    std::cout << folder << ": " << trace.steps.size() << " steps equal\n";
    return 0;
  } catch (const tessera::UnreadableFile& problem) {
    std::cerr << problem.what() << "\n";
    return 66;
  } catch (const tessera::BadInput& problem) {
    std::cerr << problem.what() << "\n";
    return 65;
  } catch (const std::exception& problem) {
    std::cerr << folder << ": " << problem.what() << "\n";
    return 70;
  }
}
