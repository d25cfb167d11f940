#include "sim/config/node_preset.hpp"

#include <algorithm>

#include "sim/config/conform.hpp"
#include "sim/config/embedded_presets.hpp"
#include "sim/config/presets.hpp"
#include "sim/config/reader.hpp"
#include "sim/config/shape.hpp"
#include "tessera/config/load.hpp"

namespace tessera {
namespace {

constexpr std::string_view folder = "nodes/";
constexpr const char* default_gpu = "t4";

Node preset_tree(const std::string& name, Problems& problems) {
  const std::string id = std::string(folder) + name;
  Node tree = parse_document(embedded_text(id), id + ".yaml", problems);
  expand_shorthands(tree, hardware_shape());
  return tree;
}

bool same_place(const Place& a, const Place& b) {
  return a.file == b.file && a.line == b.line && a.column == b.column;
}

// The GPU that add_default_gpu() has put where the scenario names none has the place of `hardware`.
void drop_default_gpu(Entry& hardware) {
  Entry* gpu = hardware.value.find("gpu");
  const Node* preset = gpu != nullptr ? gpu->value.scalar_at("preset") : nullptr;
  if (preset != nullptr && same_place(preset->place, hardware.place)) {
    std::erase_if(gpu->value.entries, [](const Entry& entry) { return entry.key == "preset"; });
  }
}

bool replaces(const Node& own, const Node& base) {
  const Node* kind = own.scalar_at("kind");
  const Node* other = base.scalar_at("kind");
  const bool other_kind = kind != nullptr && (other == nullptr || other->text != kind->text);
  return other_kind || own.scalar_at("preset") != nullptr;
}

void refine(Node& own, const Node& base) {
  for (const Entry& entry : base.entries) {
    Entry* said = own.find(entry.key);
    if (said == nullptr) {
      own.add(entry.key, entry.place, entry.value);
    } else if (said->value.is(NodeKind::mapping) && entry.value.is(NodeKind::mapping) &&
               !replaces(said->value, entry.value)) {
      refine(said->value, entry.value);
    }
  }
}

}  // namespace

std::vector<std::string> node_preset_names() {
  std::vector<std::string> names;
  for (const EmbeddedPreset& preset : embedded_presets()) {
    if (preset.id.starts_with(folder)) {
      names.emplace_back(preset.id.substr(folder.size()));
    }
  }
  return names;
}

void add_default_gpu(Node& root) {
  Entry* hardware = root.find("hardware");
  if (hardware == nullptr) {
    root.add("hardware", root.place, mapping_node(root.place));
    hardware = &root.entries.back();
  }
  Node& mapping = hardware->value;
  if (mapping.is(NodeKind::mapping) && mapping.find("gpu") == nullptr) {
    mapping.add("gpu", hardware->place, scalar_node(default_gpu, hardware->place));
  }
}

void expand_node_preset(Node& root, Problems& problems) {
  Entry* hardware = root.find("hardware");
  const Node* name = hardware != nullptr ? hardware->value.scalar_at("node") : nullptr;
  if (name == nullptr) {
    return;
  }
  const std::vector<std::string> names = node_preset_names();
  if (std::find(names.begin(), names.end(), name->text) == names.end()) {
    problems.error(name->place, "hardware",
                   unknown_name("preset", name->text, "hardware.node", names));
    return;
  }
  Node tree = preset_tree(name->text, problems);
  set_places(tree, name->place);
  drop_default_gpu(*hardware);
  refine(hardware->value, tree);
}

HardwareSpec node_preset(std::string_view name) {
  const std::vector<std::string> names = node_preset_names();
  if (std::find(names.begin(), names.end(), name) == names.end()) {
    throw WrongUsage(unknown_name("preset", name, "hardware.node", names));
  }
  const std::string file = std::string(folder) + std::string(name) + ".yaml";
  Problems problems;
  const Node tree = preset_tree(std::string(name), problems);
  check_structure(tree, hardware_shape(), "", problems);
  HardwareSpec spec;
  spec.node = std::string(name);
  if (!problems.any()) {
    (void)read_node(tree, spec, "", {problems, file});
  }
  problems.raise(file);
  return spec;
}

}  // namespace tessera
