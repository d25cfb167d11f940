#include "tessera/config/values.hpp"

#include "sim/config/document.hpp"
#include "sim/config/emit.hpp"
#include "sim/config/problems.hpp"

namespace tessera {
namespace {

void collect(const Node& node, const std::string& path, std::vector<ScenarioValue>& values) {
  if (!node.is(NodeKind::mapping) || node.entries.empty()) {
    values.push_back({path, to_flow_text(node)});
    return;
  }
  for (const Entry& entry : node.entries) {
    collect(entry.value, path.empty() ? entry.key : path + "." + entry.key, values);
  }
}

}  // namespace

std::vector<ScenarioValue> scenario_values(const std::string& text, const std::string& name) {
  Problems problems;
  const Node root = parse_document(text, name, problems);
  if (!root.is(NodeKind::mapping) && !problems.any()) {
    problems.error(root.place, "", "expected a mapping of keys to values");
  }
  problems.raise(name);
  std::vector<ScenarioValue> values;
  collect(root, "", values);
  return values;
}

}  // namespace tessera
