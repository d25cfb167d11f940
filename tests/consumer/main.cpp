// Simulates the built-in scenario through the installed library and prints one number of it.
#include <cstdio>
#include <vector>

#include "tessera/config/load.hpp"
#include "tessera/engine/simulate.hpp"
#include "tessera/metrics/run_recorder.hpp"

int main() {
  const std::vector<tessera::Override> overrides{{"workload.requests", "20"}};
  const tessera::LoadedScenario loaded = tessera::ScenarioText::built_in().load(overrides);
  tessera::RunRecorder recorder(loaded.scenario, nullptr);
  tessera::Diagnostics notes;
  tessera::simulate(loaded.scenario, recorder, notes);
  std::printf("num_finished=%s\n", tessera::cell(recorder.summary(), "num_finished").c_str());
  return 0;
}
