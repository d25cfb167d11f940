#include "sim/config/presets.hpp"

#include <algorithm>
#include <optional>

#include "sim/config/conform.hpp"
#include "sim/config/embedded_presets.hpp"
#include "sim/config/problems.hpp"
#include "sim/config/reader.hpp"
#include "tessera/config/load.hpp"
#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

// The text of an embedded file; nothing when there is none.
std::optional<std::string_view> find_text(std::string_view id) {
  for (const EmbeddedPreset& preset : embedded_presets()) {
    if (preset.id == id) {
      return preset.text;
    }
  }
  return std::nullopt;
}

struct Alias {
  std::string name;
  std::string stands_for;
};

// Of one folder, as aliases.yaml gives them: {models: {llama-6b: llama-7b}}.
std::vector<Alias> read_aliases(std::string_view folder) {
  std::vector<Alias> aliases;
  const auto text = find_text("aliases");
  if (!text) {
    return aliases;
  }
  Problems problems;
  const Node root = parse_document(*text, "aliases.yaml", problems);
  problems.raise("aliases.yaml");
  if (const Entry* section = root.find(folder)) {
    for (const Entry& entry : section->value.entries) {
      aliases.push_back({entry.key, entry.value.text});
    }
  }
  return aliases;
}

const std::vector<Alias>& gpu_aliases() {
  static const std::vector<Alias> aliases = read_aliases("gpus");
  return aliases;
}

const std::vector<Alias>& model_aliases() {
  static const std::vector<Alias> aliases = read_aliases("models");
  return aliases;
}

const std::vector<Alias>& overheads_aliases() {
  static const std::vector<Alias> aliases = read_aliases("overheads");
  return aliases;
}

// What a folder's presets are called in messages.
std::string_view noun_of(std::string_view folder) {
  return folder == "gpus" ? "gpu" : folder == "models" ? "model" : "engine.overheads";
}

std::vector<std::string> names_in(std::string_view folder, const std::vector<Alias>& aliases) {
  std::vector<std::string> names;
  const std::string start = std::string(folder) + "/";
  for (const EmbeddedPreset& preset : embedded_presets()) {
    if (preset.id.starts_with(start)) {
      names.emplace_back(preset.id.substr(start.size()));
    }
  }
  for (const Alias& alias : aliases) {
    names.push_back(alias.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

template <class T>
T read_preset(std::string_view folder, std::string_view name, const std::vector<Alias>& aliases,
              const Shape& shape) {
  const auto alias =
      std::find_if(aliases.begin(), aliases.end(), [&](const Alias& a) { return a.name == name; });
  const std::string id(alias == aliases.end() ? name : std::string_view(alias->stands_for));
  const auto text = find_text(std::string(folder) + "/" + id);
  if (!text) {
    throw WrongUsage(unknown_name("preset", name, noun_of(folder), names_in(folder, aliases)));
  }
  const std::string file = std::string(folder) + "/" + id + ".yaml";
  Problems problems;
  Node root = parse_document(*text, file, problems);
  expand_shorthands(root, shape);
  check_structure(root, shape, "", problems);
  T spec;
  spec.name = id;
  if (!problems.any()) {
    (void)read_node(root, spec, "", {problems, file});
  }
  problems.raise(file);
  return spec;
}

}  // namespace

std::vector<std::string> gpu_preset_names() {
  return names_in("gpus", gpu_aliases());
}

std::vector<std::string> model_preset_names() {
  return names_in("models", model_aliases());
}

std::vector<std::string> overheads_preset_names() {
  return names_in("overheads", overheads_aliases());
}

std::string_view embedded_text(std::string_view id) {
  const auto text = find_text(id);
  TESSERA_INVARIANT(text.has_value(), "the program carries the preset that it asks for");
  return *text;
}

GpuSpec gpu_preset(std::string_view name) {
  return read_preset<GpuSpec>("gpus", name, gpu_aliases(), gpu_shape());
}

ModelSpec model_preset(std::string_view name) {
  return read_preset<ModelSpec>("models", name, model_aliases(), model_shape());
}

EngineOverheads overheads_preset(std::string_view name) {
  return read_preset<EngineOverheads>("overheads", name, overheads_aliases(), overheads_shape());
}

}  // namespace tessera
