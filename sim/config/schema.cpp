// The JSON Schema of a scenario file, printed from its shape.
#include <boost/json.hpp>

#include "sim/config/number_text.hpp"
#include "sim/config/shape.hpp"
#include "tessera/config/load.hpp"

namespace tessera {
namespace {

namespace json = boost::json;

json::object schema_of(const Shape& shape, const ShapeRange& range);

json::value number_from(const std::string& text) {
  if (text.find_first_of(".e") != std::string::npos) {
    return to_double(*decimal_of(text));
  }
  return static_cast<std::int64_t>(std::stoll(text));
}

// A plain value as JSON: a number where YAML would read one.
json::value value_of(const Node& node, const Shape& shape) {
  const bool is_number =
      shape.form == ScalarForm::whole_number || shape.form == ScalarForm::real_number;
  if (node.is(NodeKind::null)) {
    return nullptr;
  }
  if (shape.kind == ShapeKind::scalar && is_number) {
    return number_from(node.text);
  }
  if (shape.kind == ShapeKind::scalar && shape.form == ScalarForm::boolean) {
    return node.text == "true";
  }
  return json::string(node.text);
}

// A character of a regular expression that stands for itself.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("/.+*").find(c) != std::string_view::npos) {
      out += '\\';
    }
    out += c;
  }
  return out;
}

std::string pattern_of(ScalarForm form) {
  std::string units;
  for (const std::string& name : unit_names(form)) {
    units += (units.empty() ? "" : "|") + escaped(name);
  }
  return "^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)? *(" + units + ")$";
}

void add_bounds(json::object& schema, const ShapeRange& range) {
  if (!range.above.empty()) {
    schema["exclusiveMinimum"] = number_from(range.above);
  }
  if (!range.min.empty()) {
    schema["minimum"] = number_from(range.min);
  }
  if (!range.max.empty()) {
    schema["maximum"] = number_from(range.max);
  }
}

json::object scalar_schema(const Shape& shape, const ShapeRange& range) {
  json::object schema;
  switch (shape.form) {
    case ScalarForm::boolean:
      schema["type"] = "boolean";
      break;
    case ScalarForm::whole_number:
      schema["type"] = "integer";
      if (shape.is_unsigned) {
        schema["minimum"] = 0;
      }
      add_bounds(schema, range);
      break;
    case ScalarForm::real_number:
      schema["type"] = "number";
      add_bounds(schema, range);
      break;
    case ScalarForm::text:
      // Text that looks like a number need not be quoted.
      schema["type"] = json::array{"string", "number"};
      break;
    case ScalarForm::file:
      schema["type"] = "string";
      break;
    default:
      schema["type"] = "string";
      schema["pattern"] = pattern_of(shape.form);
      schema["examples"] = json::array{std::string(example_of(shape.form))};
  }
  return schema;
}

json::array strings(const std::vector<std::string>& names) {
  json::array array;
  for (const std::string& name : names) {
    array.emplace_back(name);
    // An editor reads 0.11 as a number.
    if (const auto prefix = number_prefix(name); prefix && prefix->rest.empty()) {
      array.push_back(number_from(name));
    }
  }
  return array;
}

std::string range_text(const ShapeRange& range) {
  std::string text;
  const auto add = [&](const char* word, const std::string& bound) {
    if (!bound.empty()) {
      text += (text.empty() ? "" : ", ") + std::string(word) + " " + bound;
    }
  };
  add("more than", range.above);
  add("at least", range.min);
  add("at most", range.max);
  return text.empty() ? "" : " (" + text + ")";
}

void add_property(json::object& properties, const ShapeField& field) {
  json::object schema = schema_of(field.shape, field.range);
  const bool has_unit =
      field.shape.kind == ShapeKind::scalar && !unit_names(field.shape.form).empty();
  schema["description"] = field.doc + (has_unit ? range_text(field.range) : "");
  const bool plain =
      field.shape.kind == ShapeKind::scalar || field.shape.kind == ShapeKind::enumeration;
  if (plain && !field.required && !(field.fallback.is(NodeKind::null) && !field.shape.nullable)) {
    schema["default"] = value_of(field.fallback, field.shape);
  }
  properties[field.name] = std::move(schema);
}

json::object object_schema(const std::vector<ShapeField>& fields) {
  json::object properties;
  json::array required;
  for (const ShapeField& field : fields) {
    add_property(properties, field);
    if (field.required) {
      required.emplace_back(field.name);
    }
  }
  json::object schema{
      {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) {
    schema["required"] = std::move(required);
  }
  return schema;
}

void drop_required(std::vector<ShapeField>& fields) {
  for (ShapeField& field : fields) {
    field.required = false;
    drop_required(field.shape.fields);
  }
}

// A mapping that stands alone, or refines one of its bases. What a mapping within it must have is
// left to the reader, since a refinement need not have it.
json::object mapping_schema(const Shape& shape) {
  if (shape.bases.empty()) {
    return object_schema(shape.fields);
  }
  std::vector<ShapeField> fields = shape.fields;
  for (ShapeField& field : fields) {
    drop_required(field.shape.fields);
  }
  json::object schema = object_schema(fields);
  json::array ways;
  for (const ShapeField& base : shape.bases) {
    add_property(schema["properties"].as_object(), base);
    ways.push_back(json::object{{"required", json::array{base.name}}});
  }
  if (schema.contains("required")) {
    ways.push_back(json::object{{"required", schema["required"]}});
    schema.erase("required");
    schema["anyOf"] = std::move(ways);
  }
  return schema;
}

json::array variant_choices(const Shape& shape) {
  json::array choices{json::object{{"enum", strings(shape.kinds())}}};
  if (shape.shorthand == Shorthand::kind_or_tokens) {
    choices.push_back(json::object{{"type", "integer"}, {"minimum", 1}});
  }
  for (const ShapeAlternative& alternative : shape.alternatives) {
    json::object schema = object_schema(alternative.fields);
    schema["description"] = alternative.summary;
    schema["properties"].as_object()["kind"] = json::object{{"const", alternative.kind}};
    const bool is_default = &alternative == &shape.alternatives.front();
    if (!is_default) {
      json::array required{"kind"};
      if (const auto* others = schema.if_contains("required")) {
        required.insert(required.end(), others->as_array().begin(), others->as_array().end());
      }
      schema["required"] = std::move(required);
    }
    choices.push_back(std::move(schema));
  }
  return choices;
}

json::array mapping_choices(const Shape& shape) {
  json::array choices{mapping_schema(shape)};
  Shape bare;
  switch (shape.shorthand) {
    case Shorthand::preset_name:
      choices.push_back(json::object{{"enum", strings(shape.bases.front().shape.names)}});
      break;
    case Shorthand::limit_on_each:
      bare.form = ScalarForm::duration;
      choices.push_back(scalar_schema(bare, {}));
      break;
    case Shorthand::on_or_off:
      choices.push_back(json::object{{"type", "boolean"}});
      break;
    default:
      break;
  }
  return choices;
}

json::array choices_of(const Shape& shape, const ShapeRange& range) {
  switch (shape.kind) {
    case ShapeKind::variant:
      return variant_choices(shape);
    case ShapeKind::mapping:
      return mapping_choices(shape);
    case ShapeKind::enumeration:
      return {json::object{{"enum", strings(shape.names)}}};
    case ShapeKind::list:
      return {json::object{{"type", "array"}, {"items", schema_of(shape.items.front(), {})}}};
    case ShapeKind::scalar:
      return {scalar_schema(shape, range)};
  }
  return {};
}

json::object schema_of(const Shape& shape, const ShapeRange& range) {
  json::array choices = choices_of(shape, range);
  if (shape.nullable) {
    choices.push_back(json::object{{"type", "null"}});
  }
  if (choices.size() == 1) {
    return choices.front().as_object();
  }
  return {{"oneOf", std::move(choices)}};
}

void append_pretty(std::string& out, const json::value& value, std::size_t indent);

template <class Container, class Append>
void append_items(std::string& out, const Container& items, std::size_t indent, Append append) {
  bool first = true;
  for (const auto& item : items) {
    out += first ? "\n" : ",\n";
    first = false;
    out.append(indent + 2, ' ');
    append(item);
  }
  out += "\n";
  out.append(indent, ' ');
}

// Two spaces a level; lists of plain values on one line.
void append_pretty(std::string& out, const json::value& value, std::size_t indent) {
  if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
    out += '{';
    append_items(out, *object, indent, [&](const json::key_value_pair& pair) {
      out += json::serialize(json::string(pair.key())) + ": ";
      append_pretty(out, pair.value(), indent + 2);
    });
    out += '}';
  } else if (const auto* array = value.if_array(); array != nullptr && !array->empty()) {
    if (!array->front().is_structured()) {
      out += '[';
      for (std::size_t i = 0; i < array->size(); ++i) {
        out += i == 0 ? "" : ", ";
        append_pretty(out, (*array)[i], indent);
      }
      out += ']';
      return;
    }
    out += '[';
    append_items(out, *array, indent,
                 [&](const json::value& item) { append_pretty(out, item, indent + 2); });
    out += ']';
  } else if (value.is_double()) {
    out += text_of(value.as_double());
  } else {
    out += json::serialize(value);
  }
}

json::object sweep_schema() {
  const json::object values{
      {"oneOf", json::array{json::object{{"type", "array"}, {"minItems", 1}},
                            json::object{{"type", "string"}, {"examples", {"1..64*2"}}}}}};
  const json::object zipped{{"type", "object"}, {"additionalProperties", values}};
  return {
      {"description", "the values that each path takes; every combination is a point"},
      {"type", json::array{"object", "null"}},
      {"properties",
       {{"zip",
         {{"description", "paths that take their values side by side, equally many each"},
          {"oneOf", json::array{zipped, json::object{{"type", "array"}, {"items", zipped}}}}}}}},
      {"additionalProperties", values}};
}

}  // namespace

std::string scenario_schema() {
  json::object schema{{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                      {"$comment", "Printed by `tessera schema`."},
                      {"title", "Tessera scenario"}};
  for (const auto& pair : schema_of(scenario_shape(), {})) {
    schema[pair.key()] = pair.value();
  }
  schema["properties"].as_object()["sweep"] = sweep_schema();
  std::string out;
  append_pretty(out, schema, 0);
  return out + "\n";
}

}  // namespace tessera
