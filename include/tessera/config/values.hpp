// Scenarios as paths and values.
#pragma once

#include <string>
#include <vector>

namespace tessera {

struct ScenarioValue {
  std::string path;   // "engine.policy.max_num_seqs"
  std::string value;  // as YAML text on one line: "16", "[1, 2]", "null"
};

// Every value of a scenario file (scenario.resolved.yaml has them all), in the order of the text.
// `name` is what diagnostics call it. Throws BadInput for what is no YAML mapping.
[[nodiscard]] std::vector<ScenarioValue> scenario_values(const std::string& text,
                                                         const std::string& name);

// Every path that --set and --vary may name, in the order of the scenario, each once.
[[nodiscard]] std::vector<std::string> scenario_paths();

}  // namespace tessera
