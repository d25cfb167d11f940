#include "sim/config/conform.hpp"

#include <algorithm>

#include "sim/config/number_text.hpp"

namespace tessera {
namespace {

bool is_whole_number(const Node& node) {
  const auto prefix = number_prefix(node.text);
  return !node.quoted && prefix && prefix->rest.empty();
}

// {key: the scalar that `node` was}.
Node wrapped(std::string_view key, Node node) {
  Node mapping = mapping_node(node.place);
  const Place place = node.place;
  mapping.add(key, place, std::move(node));
  return mapping;
}

void expand_on_or_off(Node& node) {
  if (node.quoted) {
    return;
  }
  if (node.text == "true") {
    node = mapping_node(node.place);
  } else if (node.text == "false") {
    node = null_node(node.place);
  }
}

void report_wrong_kind(const Node& node, const Shape& shape, std::string_view path,
                       Problems& problems) {
  std::string expected;
  switch (shape.kind) {
    case ShapeKind::list:
      expected = "a list";
      break;
    case ShapeKind::variant:
      expected = "a mapping with a 'kind' (" + listed(shape.kinds()) + ")";
      break;
    case ShapeKind::mapping:
      expected =
          shape.shorthand == Shorthand::preset_name ? "a preset's name or a mapping" : "a mapping";
      break;
    default:
      expected = "a plain value";
  }
  problems.error(node.place, path,
                 prefix(node.place, path) + "expected " + expected + ", got " + name_of(node.kind) +
                     (node.is(NodeKind::scalar) ? " " + in_quotes(node.text) : ""));
}

// The keys of a mapping: those of one kind, of a plain spec, or of a preset and its refinements.
struct Keys {
  const std::vector<ShapeField>& fields;
  const std::vector<ShapeField>& bases;
  std::string kind;  // empty: not a variant
  Standing standing = Standing::alone;

  [[nodiscard]] const ShapeField* find(std::string_view name) const {
    const ShapeField* field = find_field(fields, name);
    return field != nullptr ? field : find_field(bases, name);
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> all = names_of(bases);
    const std::vector<std::string> rest = names_of(fields);
    all.insert(all.end(), rest.begin(), rest.end());
    if (!kind.empty()) {
      all.emplace_back("kind");
    }
    return all;
  }
};

void report_unknown_key(const Entry& entry, const Keys& keys, const Shape& shape,
                        std::string_view path, Problems& problems) {
  std::string message = "unknown key " + in_quotes(entry.key) + " in " + called(path) +
                        (keys.kind.empty() ? "" : " (kind " + keys.kind + ")");
  std::vector<std::string> owners;
  for (const ShapeAlternative& other : shape.alternatives) {
    if (find_field(other.fields, entry.key) != nullptr) {
      owners.push_back(other.kind);
    }
  }
  std::vector<std::string> names = keys.names();
  if (path.empty() && &shape == &scenario_shape()) {
    names.emplace_back("sweep");  // which is no setting of the scenario, and taken out before
  }
  const std::string suggestion = did_you_mean(entry.key, names);
  if (!owners.empty()) {
    message += "; it belongs to kind " + listed(owners);
  } else if (!suggestion.empty()) {
    message += suggestion;
  } else if (names.size() <= 12) {
    message += "; its keys are " + listed(names);
  }
  problems.error(entry.place, path, message);
}

// Values of other enumerations are told by the reader; a preset must be known before it reads.
void check_preset(const Node& name, const ShapeField& field, std::string_view path,
                  Problems& problems) {
  const std::vector<std::string>& names = field.shape.names;
  if (std::find(names.begin(), names.end(), name.text) == names.end()) {
    problems.error(name.place, path, unknown_name("preset", name.text, path, names));
  }
}

void check_mapping(const Node& node, const Keys& keys, const Shape& shape, std::string_view path,
                   Problems& problems) {
  const bool has_base =
      std::any_of(node.entries.begin(), node.entries.end(),
                  [&](const Entry& entry) { return find_field(keys.bases, entry.key) != nullptr; });
  const Standing standing = has_base ? Standing::refining : keys.standing;
  for (const Entry& entry : node.entries) {
    if (!keys.kind.empty() && entry.key == "kind") {
      continue;
    }
    const ShapeField* field = keys.find(entry.key);
    if (entry.key == "preset" && !keys.bases.empty() && entry.value.is(NodeKind::scalar)) {
      check_preset(entry.value, *field, path, problems);
    } else if (field != nullptr) {
      check_structure(entry.value, field->shape, join_path(path, entry.key), problems, standing);
    } else {
      report_unknown_key(entry, keys, shape, path, problems);
    }
  }
  if (node.find("preset") != nullptr && node.find("hugging_face") != nullptr &&
      keys.bases.size() > 1) {
    problems.error(node.find("hugging_face")->place, path,
                   std::string(path) + " starts from a preset or from hugging_face, not from both");
  }
  for (const ShapeField& field : keys.fields) {
    if (field.required && standing == Standing::alone && node.find(field.name) == nullptr) {
      problems.error(node.place, join_path(path, field.name),
                     "missing key '" + field.name + "' in " + called(path) +
                         (keys.kind.empty() ? "" : " (kind " + keys.kind + ")") + ": " + field.doc);
    }
  }
}

void check_variant(const Node& node, const Shape& shape, std::string_view path, Problems& problems,
                   Standing standing) {
  const Entry* kind = node.find("kind");
  if (kind != nullptr && !kind->value.is(NodeKind::scalar)) {
    if (!kind->value.is(NodeKind::broken)) {
      problems.error(kind->value.place, path,
                     "expected the kind of " + std::string(path) + " (" + listed(shape.kinds()) +
                         "), got " + name_of(kind->value.kind));
    }
    return;
  }
  const ShapeAlternative* chosen = chosen_alternative(node, shape);
  if (chosen == nullptr) {
    problems.error(kind->value.place, path,
                   unknown_name("kind", kind->value.text, path, shape.kinds()));
    return;
  }
  check_mapping(node, {chosen->fields, shape.bases, chosen->kind, standing}, shape, path, problems);
}

}  // namespace

std::string unknown_name(std::string_view what, std::string_view name, std::string_view path,
                         const std::vector<std::string>& names) {
  const std::string suggestion = did_you_mean(name, names);
  return "unknown " + std::string(what) + " " + in_quotes(name) + " for " + called(path) +
         suggestion + " (known: " + listed(names) + ")";
}

const ShapeAlternative* chosen_alternative(const Node& mapping, const Shape& shape) {
  const Entry* kind = mapping.find("kind");
  if (kind == nullptr) {
    return &shape.alternatives.front();
  }
  return kind->value.is(NodeKind::scalar) ? shape.alternative(kind->value.text) : nullptr;
}

void expand_shorthand(Node& node, const Shape& shape) {
  if (!node.is(NodeKind::scalar)) {
    return;
  }
  switch (shape.shorthand) {
    case Shorthand::none:
      break;
    case Shorthand::kind_name:
      node = wrapped("kind", std::move(node));
      break;
    case Shorthand::kind_or_tokens:
      if (is_whole_number(node)) {
        const Place place = node.place;
        Node tokens = std::move(node);
        node = wrapped("kind", scalar_node("fixed", place));
        node.add("tokens", place, std::move(tokens));
      } else {
        node = wrapped("kind", std::move(node));
      }
      break;
    case Shorthand::preset_name:
      node = wrapped("preset", std::move(node));
      break;
    case Shorthand::limit_on_each:
      node = wrapped("each", std::move(node));
      break;
    case Shorthand::on_or_off:
      expand_on_or_off(node);
      break;
  }
}

void expand_shorthands(Node& node, const Shape& shape) {
  expand_shorthand(node, shape);
  for (Node& item : node.items) {
    if (shape.kind == ShapeKind::list) {
      expand_shorthands(item, shape.items.front());
    }
  }
  if (!node.is(NodeKind::mapping)) {
    return;
  }
  const std::vector<ShapeField>* fields = &shape.fields;
  if (shape.kind == ShapeKind::variant) {
    const ShapeAlternative* chosen = chosen_alternative(node, shape);
    if (chosen == nullptr) {
      return;
    }
    fields = &chosen->fields;
  }
  for (Entry& entry : node.entries) {
    if (const ShapeField* field = find_field(*fields, entry.key)) {
      expand_shorthands(entry.value, field->shape);
    }
  }
}

void check_structure(const Node& node, const Shape& shape, std::string_view path,
                     Problems& problems, Standing standing) {
  if (node.is(NodeKind::broken) || (node.is(NodeKind::null) && shape.nullable)) {
    return;
  }
  if (node.is(NodeKind::null)) {
    problems.error(
        node.place, path,
        called(path) + " has no value" +
            (shape.kind == ShapeKind::scalar ? "; leave the key out for its default" : ""));
    return;
  }
  const bool compound = shape.kind == ShapeKind::mapping || shape.kind == ShapeKind::variant;
  const NodeKind wanted = compound                        ? NodeKind::mapping
                          : shape.kind == ShapeKind::list ? NodeKind::list
                                                          : NodeKind::scalar;
  if (!node.is(wanted)) {
    report_wrong_kind(node, shape, path, problems);
  } else if (shape.kind == ShapeKind::variant) {
    check_variant(node, shape, path, problems, standing);
  } else if (shape.kind == ShapeKind::mapping) {
    check_mapping(node, {shape.fields, shape.bases, "", standing}, shape, path, problems);
  } else if (shape.kind == ShapeKind::list) {
    for (const Node& item : node.items) {
      check_structure(item, shape.items.front(), path, problems, standing);
    }
  }
}

}  // namespace tessera
