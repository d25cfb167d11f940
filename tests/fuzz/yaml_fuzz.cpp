// Any text is a scenario or bad input; a scenario survives its resolved text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "tessera/config/load.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  std::string resolved;
  try {
    resolved =
        tessera::resolved_yaml(tessera::ScenarioText(text, "fuzz.yaml", "").load({}).scenario);
  } catch (const tessera::BadInput& bad) {
    if (!tessera::has_errors(bad.diagnostics())) {
      std::abort();
    }
    return 0;
  }
  const tessera::ScenarioText again(resolved, "resolved.yaml", "");
  if (tessera::resolved_yaml(again.load({}).scenario) != resolved) {
    std::abort();
  }
  return 0;
}
