// Presets by name, from the files that the program carries.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tessera {

// Every name that `gpu:`, `model:` and `overheads:` take, aliases included, sorted.
[[nodiscard]] std::vector<std::string> gpu_preset_names();
[[nodiscard]] std::vector<std::string> model_preset_names();
[[nodiscard]] std::vector<std::string> overheads_preset_names();

// The text of an embedded file. Precondition: there is one ("default").
[[nodiscard]] std::string_view embedded_text(std::string_view id);

}  // namespace tessera
