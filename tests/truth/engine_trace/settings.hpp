// From a trace's config.json to a scenario.
#pragma once

#include <filesystem>
#include <string>

#include "tessera/engine/scenario.hpp"

namespace tessera::truth {

struct TraceSettings {
  Scenario scenario;
  std::string workload;      // the file's name
  std::string not_modelled;  // why the trace cannot be replayed, or empty
};

[[nodiscard]] TraceSettings read_settings(const std::filesystem::path& config);

}  // namespace tessera::truth
