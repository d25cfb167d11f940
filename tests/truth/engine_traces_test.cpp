// Every recorded run of a real engine whose rules are modelled: equal in every field of every step.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>

#include "tests/truth/engine_trace/step_trace.hpp"

namespace tessera::truth {
namespace {

std::vector<std::filesystem::path> modelled_traces(const std::filesystem::path& traces) {
  std::vector<std::filesystem::path> folders;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(traces)) {
    if (entry.path().filename() == "config.json" && is_modelled(entry.path().parent_path())) {
      folders.push_back(entry.path().parent_path());
    }
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

TEST(EngineTraces, AreEqualStepForStep) {
  const std::filesystem::path data = TESSERA_DATA_DIR;
  if (data.empty()) {
    std::cout << "SKIPPED: no TESSERA_DATA, so no engine trace was compared\n";
    return;
  }
  const auto folders = modelled_traces(data / "engines" / "traces");
  std::size_t steps = 0;
  std::size_t compared = 0;
  for (std::size_t i = 0; i < folders.size(); i += TESSERA_TRACE_STRIDE) {
    const std::filesystem::path& folder = folders[i];
    const StepTrace trace = read_step_trace(folder, data / "engines" / "workloads");
    EXPECT_EQ(first_difference(trace), "") << folder;
    steps += trace.steps.size();
    ++compared;
  }
  std::cout << compared << " traces, " << steps << " steps compared\n";
  // All but one, which shows a bug of v0.11.0.
  EXPECT_GE(compared * TESSERA_TRACE_STRIDE, 297U);
}

}  // namespace
}  // namespace tessera::truth
