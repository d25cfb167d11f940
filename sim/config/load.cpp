#include "tessera/config/load.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "sim/config/conform.hpp"
#include "sim/config/document.hpp"
#include "sim/config/files.hpp"
#include "sim/config/node_preset.hpp"
#include "sim/config/overrides.hpp"
#include "sim/config/presets.hpp"
#include "sim/config/problems.hpp"
#include "sim/config/reader.hpp"
#include "sim/config/shape.hpp"
#include "sim/config/sweep_mapping.hpp"
#include "sim/config/to_node.hpp"
#include "sim/config/validate.hpp"
#include "tessera/cost/kernel_tables.hpp"

namespace tessera {
namespace {

bool is_usable_root(const Node& root, Problems& problems) {
  if (root.is(NodeKind::mapping)) {
    return true;
  }
  if (root.is(NodeKind::null)) {
    problems.error(root.place, "", "the scenario is empty; it needs a 'model' at the least");
  } else if (!root.is(NodeKind::broken)) {
    problems.error(root.place, "",
                   std::string("expected a mapping of keys to values, got ") + name_of(root.kind));
  }
  return false;
}

void read_tree(Node& root, Scenario& scenario, Problems& problems) {
  expand_node_preset(root, problems);
  check_structure(root, scenario_shape(), "", problems);
  const std::string directory = scenario.directory;
  (void)read_node(root, scenario, "", {problems, directory});
}

// Reads the tree with one value of the sweep in place, for what is wrong with that value alone.
// A key that only another kind has may be meant for another axis, and is left to the points.
void check_swept_value(Node root, const SweptAxis& axis, const SweptValue& value,
                       Problems& problems) {
  Problems setting;
  apply_override(root, {axis.path, value.text, "axis"}, setting);
  if (setting.any()) {
    return;
  }
  Problems found;
  Scenario scenario;
  read_tree(root, scenario, found);
  for (const Diagnostic& diagnostic : found.all()) {
    if (diagnostic.severity == Severity::error && diagnostic.place.file == "axis " + axis.path) {
      problems.error(value.place, "sweep." + axis.path,
                     "sweep." + axis.path + ": " + diagnostic.message);
    }
  }
}

void check_swept_values(const Node& root, const std::vector<SweptGroup>& groups,
                        Problems& problems) {
  for (const SweptGroup& group : groups) {
    for (const SweptAxis& axis : group) {
      for (const SweptValue& value : axis.values) {
        check_swept_value(root, axis, value, problems);
      }
    }
  }
}

Diagnostics notes_in(const Problems& problems) {
  Diagnostics notes;
  for (const Diagnostic& diagnostic : problems.all()) {
    if (diagnostic.severity != Severity::error) {
      notes.push_back(diagnostic);
    }
  }
  return notes;
}

}  // namespace

ScenarioText ScenarioText::read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!is_readable(path) || !(text << file.rdbuf())) {
    // An empty file sets the failure too, and is no failure to read.
    std::error_code error;
    if (!is_readable(path) || std::filesystem::file_size(path, error) != 0) {
      throw UnreadableFile(Place{path, 0, 0}, "cannot read this file");
    }
  }
  return {text.str(), path, std::filesystem::path(path).parent_path().string()};
}

ScenarioText ScenarioText::built_in() {
  return {std::string(embedded_text("default")), "the built-in scenario", ""};
}

ScenarioText::ScenarioText(std::string text, std::string name, std::string directory)
    : text_(std::move(text)), name_(std::move(name)), directory_(std::move(directory)) {}

bool ScenarioText::mentions(std::string_view path) const {
  Problems ignored;
  const Node root = parse_document(text_, name_, ignored);
  const Node* node = &root;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('.'), path.size());
    const Entry* const entry = node->find(path.substr(0, end));
    if (entry == nullptr) {
      return false;
    }
    node = &entry->value;
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return true;
}

std::vector<AxisGroup> ScenarioText::sweep_axes() const {
  Problems problems;
  Node root = parse_document(text_, name_, problems);
  std::vector<AxisGroup> groups;
  if (is_usable_root(root, problems)) {
    groups = plain_groups(take_sweep(root, problems));
  }
  if (problems.any()) {
    // Loading finds these problems too, beside all others.
    (void)load({});
    problems.raise(name_);
  }
  return groups;
}

LoadedScenario ScenarioText::load(std::span<const Override> overrides) const {
  return load_for(Purpose::run, overrides);
}

LoadedScenario ScenarioText::load_step(std::span<const Override> overrides) const {
  return load_for(Purpose::step, overrides);
}

LoadedScenario ScenarioText::load_for(Purpose purpose, std::span<const Override> overrides) const {
  Problems problems;
  Node root = parse_document(text_, name_, problems);
  if (!is_usable_root(root, problems)) {
    problems.raise(name_);
  }
  const std::vector<SweptGroup> groups = take_sweep(root, problems);
  add_default_gpu(root);
  expand_shorthands(root, scenario_shape());
  for (const Override& override : overrides) {
    apply_override(root, override, problems);
  }
  LoadedScenario loaded;
  loaded.scenario.directory = directory_;
  read_tree(root, loaded.scenario, problems);
  if (purpose == Purpose::step) {
    check_step(loaded.scenario, root, problems);
  } else {
    fill_in(loaded.scenario);
    check_scenario(loaded.scenario, root, problems);
  }
  loaded.sweep = plain_groups(groups);
  // A sweep loads each of its points, so that only the bare file is looked through like this.
  if (overrides.empty() && purpose == Purpose::run) {
    check_swept_values(root, groups, problems);
  }
  problems.raise(name_);
  if (auto* profiled = std::get_if<ProfiledCostSpec>(&loaded.scenario.cost)) {
    profiled->tables = read_kernel_tables(*profiled, directory_);
  }
  loaded.notes = notes_in(problems);
  return loaded;
}

std::string resolved_yaml(const Scenario& scenario) {
  // File names stay as they were given, relative ones to the scenario's folder: equal scenarios
  // must give equal text wherever they lie.
  return "# yaml-language-server: $schema=scenario.schema.json\n" + to_yaml(to_node(scenario));
}

}  // namespace tessera
