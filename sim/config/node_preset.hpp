// Presets of whole nodes: `hardware: {node: g4dn.12xlarge}`.
#pragma once

#include <string>
#include <vector>

#include "sim/config/document.hpp"

namespace tessera {

// Every name that `hardware.node` takes, sorted.
[[nodiscard]] std::vector<std::string> node_preset_names();

// What `hardware` means when it says nothing of a GPU or a node.
void add_default_gpu(Node& root);

// Puts the preset that `hardware.node` names below what the scenario says of its hardware: its keys
// hold where the scenario has none. A GPU or a link of another kind replaces the preset's. An
// unknown name is reported.
void expand_node_preset(Node& root, Problems& problems);

}  // namespace tessera
