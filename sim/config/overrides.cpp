#include "sim/config/overrides.hpp"

#include <algorithm>
#include <set>

#include "sim/config/conform.hpp"
#include "tessera/config/values.hpp"

namespace tessera {
namespace {

// The first step of a path, and the rest.
struct Steps {
  std::string_view first;
  std::string_view rest;

  explicit Steps(std::string_view path)
      : first(path.substr(0, path.find('.'))),
        rest(path.find('.') == std::string_view::npos ? "" : path.substr(path.find('.') + 1)) {}
};

// Fields that a step can name at `shape`, over all kinds; one name may be there more than once.
std::vector<const ShapeField*> fields_named(const Shape& shape, std::string_view name) {
  std::vector<const ShapeField*> found;
  const auto look_in = [&](const std::vector<ShapeField>& fields) {
    if (const ShapeField* field = find_field(fields, name)) {
      found.push_back(field);
    }
  };
  look_in(shape.fields);
  look_in(shape.bases);
  for (const ShapeAlternative& alternative : shape.alternatives) {
    look_in(alternative.fields);
  }
  return found;
}

bool has_path(const Shape& shape, std::string_view path) {
  const Steps steps(path);
  if (shape.kind == ShapeKind::variant && steps.first == "kind") {
    return steps.rest.empty() && path == "kind";
  }
  const auto fields = fields_named(shape, steps.first);
  return std::any_of(fields.begin(), fields.end(), [&](const ShapeField* field) {
    return steps.first == path || (!steps.rest.empty() && has_path(field->shape, steps.rest));
  });
}

void collect_paths(const Shape& shape, const std::string& path, std::vector<std::string>& out) {
  if (!path.empty()) {
    out.push_back(path);
  }
  const auto collect = [&](const std::vector<ShapeField>& fields) {
    for (const ShapeField& field : fields) {
      collect_paths(field.shape, join_path(path, field.name), out);
    }
  };
  if (shape.kind == ShapeKind::variant) {
    out.push_back(join_path(path, "kind"));
  }
  collect(shape.bases);
  collect(shape.fields);
  for (const ShapeAlternative& alternative : shape.alternatives) {
    collect(alternative.fields);
  }
}

const std::vector<std::string>& all_paths() {
  static const std::vector<std::string> paths = [] {
    std::vector<std::string> all;
    collect_paths(scenario_shape(), "", all);
    return all;
  }();
  return paths;
}

// The full path whose last step is `path`, for somebody who wrote `max_num_seqs`.
std::string path_ending_in(std::string_view path) {
  for (const std::string& full : all_paths()) {
    if (full.ends_with("." + std::string(path))) {
      return full;
    }
  }
  return "";
}

// What an override works with on its way down.
struct Setting {
  const Override& override;
  Place place;  // of its option
  Problems& problems;
};

std::vector<std::string> keys_besides(const Node& mapping, std::string_view except,
                                      const Node* kept) {
  std::vector<std::string> keys;
  for (const Entry& entry : mapping.entries) {
    if (entry.key != except && (kept == nullptr || kept->find(entry.key) == nullptr)) {
      keys.push_back(entry.key);
    }
  }
  return keys;
}

void note_set_aside(const std::vector<std::string>& keys, std::string_view path,
                    const Setting& setting) {
  if (!keys.empty()) {
    setting.problems.note(setting.place, setting.override.path + "=" + setting.override.value +
                                             " sets aside " + std::string(path) + "'s " +
                                             listed(keys));
  }
}

Entry& entry_of(Node& mapping, std::string_view key, const Place& place) {
  Entry* entry = mapping.find(key);
  if (entry == nullptr) {
    mapping.add(key, place, null_node(place));
    return mapping.entries.back();
  }
  return *entry;
}

// `kind: name`, or `preset: name`: keeps the other keys when the name stays, else starts afresh.
void choose(Node& mapping, std::string_view key, Node name, std::string_view path,
            const Setting& setting, std::string_view by_default) {
  const Node* current = mapping.scalar_at(key);
  const std::string_view before = current != nullptr ? std::string_view(current->text) : by_default;
  if (!mapping.is(NodeKind::mapping)) {
    mapping = mapping_node(setting.place);
  } else if (before != name.text) {
    note_set_aside(keys_besides(mapping, key, nullptr), path, setting);
    mapping = mapping_node(setting.place);
  }
  Entry& entry = entry_of(mapping, key, setting.place);
  entry.place = setting.place;
  entry.value = std::move(name);
}

std::string_view default_name(const Shape& shape, const Node& node) {
  return shape.kind == ShapeKind::variant && node.is(NodeKind::mapping)
             ? std::string_view(shape.alternatives.front().kind)
             : std::string_view();
}

// The path ends here: `node` becomes `value`.
void set_value(Node& node, Node value, const Shape& shape, std::string_view path,
               const Setting& setting) {
  const bool was_scalar = value.is(NodeKind::scalar);
  expand_shorthand(value, shape);
  const std::string_view key = shape.kind == ShapeKind::variant ? "kind" : "preset";
  const bool only_a_name = was_scalar && value.entries.size() == 1 && value.entries[0].key == key;
  if (only_a_name) {
    choose(node, key, std::move(value.entries[0].value), path, setting, default_name(shape, node));
    return;
  }
  if (node.is(NodeKind::mapping) && value.is(NodeKind::mapping)) {
    note_set_aside(keys_besides(node, key, &value), path, setting);
  }
  expand_shorthands(value, shape);
  node = std::move(value);
}

void descend(Node& node, const Shape& shape, std::string_view remaining, Node value,
             const Setting& setting);

// Why the kind that is chosen has no such key.
void report_other_kind(const Node& node, const Shape& shape, std::string_view key,
                       const Setting& setting) {
  std::vector<std::string> owners;
  for (const ShapeAlternative& alternative : shape.alternatives) {
    if (find_field(alternative.fields, key) != nullptr) {
      owners.push_back(alternative.kind);
    }
  }
  const std::string& path = setting.override.path;
  const auto end = path.rfind("." + std::string(key));
  const std::string parent = path.substr(0, end);
  const ShapeAlternative* chosen = chosen_alternative(node, shape);
  setting.problems.error(setting.place, parent,
                         "only kind " + listed(owners) + " has '" + std::string(key) + "', but " +
                             parent + " is " +
                             (chosen != nullptr ? chosen->kind : "of no known kind") + "; set " +
                             parent + ".kind first");
}

// The field that `key` names in the kind that `node` is of; null (and reported) when it has none.
const ShapeField* field_for(const Node& node, const Shape& shape, std::string_view key,
                            const Setting& setting) {
  if (shape.kind != ShapeKind::variant) {
    const auto fields = fields_named(shape, key);
    return fields.empty() ? nullptr : fields.front();
  }
  const ShapeAlternative* chosen = chosen_alternative(node, shape);
  const ShapeField* field = chosen != nullptr ? find_field(chosen->fields, key) : nullptr;
  if (field == nullptr) {
    report_other_kind(node, shape, key, setting);
  }
  return field;
}

void descend(Node& node, const Shape& shape, std::string_view remaining, Node value,
             const Setting& setting) {
  const Steps steps(remaining);
  const std::string_view path = std::string_view(setting.override.path)
                                    .substr(0, setting.override.path.size() - remaining.size());
  const std::string_view parent = path.substr(0, path.empty() ? 0 : path.size() - 1);
  const bool names_base = steps.first == "preset" && find_field(shape.bases, "preset") != nullptr;
  if ((shape.kind == ShapeKind::variant && steps.first == "kind") || names_base) {
    if (value.is(NodeKind::scalar)) {
      choose(node, steps.first, std::move(value), parent, setting, default_name(shape, node));
      return;
    }
  }
  if (!node.is(NodeKind::mapping)) {
    node = mapping_node(setting.place);
  }
  if (shape.kind == ShapeKind::variant && steps.first == "kind") {
    entry_of(node, "kind", setting.place).value = std::move(value);
    return;
  }
  const ShapeField* field = field_for(node, shape, steps.first, setting);
  if (field == nullptr) {
    return;
  }
  Entry& entry = entry_of(node, steps.first, setting.place);
  if (steps.rest.empty()) {
    entry.place = setting.place;
    set_value(entry.value, std::move(value), field->shape, setting.override.path, setting);
  } else {
    descend(entry.value, field->shape, steps.rest, std::move(value), setting);
  }
}

}  // namespace

std::vector<std::string> scenario_paths() {
  std::vector<std::string> paths;
  std::set<std::string> seen;
  for (const std::string& path : all_paths()) {
    if (seen.insert(path).second) {
      paths.push_back(path);
    }
  }
  return paths;
}

std::string why_no_such_path(std::string_view path) {
  if (has_path(scenario_shape(), path)) {
    return "";
  }
  std::string message = "a scenario has no " + in_quotes(path);
  const std::string full = path_ending_in(path);
  return message +
         (full.empty() ? did_you_mean(path, all_paths()) : "; did you mean '" + full + "'?");
}

void apply_override(Node& scenario, const Override& override, Problems& problems) {
  const Place place{override.given_by + " " + override.path, 0, 0};
  if (const std::string why = why_no_such_path(override.path); !why.empty()) {
    throw WrongUsage(why);
  }
  Node value = parse_document(override.value, place.file, problems);
  set_places(value, place);
  if (!value.is(NodeKind::broken)) {
    descend(scenario, scenario_shape(), override.path, std::move(value),
            {override, place, problems});
  }
}

Place place_of(const Node& scenario, std::string_view path) {
  Place place = scenario.place;
  const Node* node = &scenario;
  while (!path.empty()) {
    const Steps steps(path);
    const Entry* entry = node->find(steps.first);
    if (entry == nullptr) {
      break;
    }
    place = entry->place;
    node = &entry->value;
    path = steps.rest;
  }
  return place;
}

}  // namespace tessera
