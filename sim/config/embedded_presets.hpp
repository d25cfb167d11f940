// The files below scenarios/presets, as the build put them into the program.
#pragma once

#include <string_view>
#include <vector>

namespace tessera {

struct EmbeddedPreset {
  std::string_view id;    // "gpus/t4", "models/llama-7b"
  std::string_view text;  // YAML
};

// In order of their ids.
[[nodiscard]] const std::vector<EmbeddedPreset>& embedded_presets();

}  // namespace tessera
