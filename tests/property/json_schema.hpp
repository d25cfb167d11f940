// As much of JSON Schema as the scenario's schema uses: a second opinion on what a scenario may be.
#pragma once

#include <algorithm>
#include <boost/json.hpp>
#include <map>
#include <regex>
#include <string>

#include "sim/config/document.hpp"

namespace tessera::test {

namespace json = boost::json;

// A YAML tree as the JSON that an editor would see.
inline json::value to_json(const Node& node) {
  switch (node.kind) {
    case NodeKind::list: {
      json::array array;
      for (const Node& item : node.items) {
        array.push_back(to_json(item));
      }
      return array;
    }
    case NodeKind::mapping: {
      json::object object;
      for (const Entry& entry : node.entries) {
        object[entry.key] = to_json(entry.value);
      }
      return object;
    }
    case NodeKind::scalar: {
      static const std::regex number("-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?");
      if (!node.quoted && (node.text == "true" || node.text == "false")) {
        return node.text == "true";
      }
      if (!node.quoted && std::regex_match(node.text, number)) {
        return json::parse(node.text);
      }
      return json::string(node.text);
    }
    default:
      return nullptr;
  }
}

// Why a value does not obey a schema; empty: it does.
class SchemaCheck {
 public:
  static std::string why_not(const json::value& value, const json::object& schema,
                             const std::string& path) {
    for (const auto& pair : schema) {
      const std::string why = why_not_keyword(value, schema, std::string(pair.key()), path);
      if (!why.empty()) {
        return why;
      }
    }
    return "";
  }

 private:
  static bool is_of_type(const json::value& value, std::string_view type) {
    if (type == "integer") {
      return value.is_int64() || value.is_uint64();
    }
    return (type == "object" && value.is_object()) || (type == "array" && value.is_array()) ||
           (type == "string" && value.is_string()) || (type == "boolean" && value.is_bool()) ||
           (type == "null" && value.is_null()) || (type == "number" && value.is_number());
  }

  static std::size_t count_matching(const json::value& value, const json::array& choices,
                                    const std::string& path, std::string& whys) {
    std::size_t matching = 0;
    for (const json::value& choice : choices) {
      const std::string why = why_not(value, choice.as_object(), path);
      matching += why.empty() ? 1U : 0U;
      whys += why.empty() ? "" : " | " + why;
    }
    return matching;
  }

  static std::string why_not_properties(const json::object& object, const json::object& schema,
                                        const std::string& path) {
    const auto* properties = schema.if_contains("properties");
    for (const auto& pair : object) {
      const auto* known =
          properties != nullptr ? properties->as_object().if_contains(pair.key()) : nullptr;
      const auto* others = schema.if_contains("additionalProperties");
      std::string why;
      if (known != nullptr) {
        why = why_not(pair.value(), known->as_object(), path + "." + std::string(pair.key()));
      } else if (others != nullptr && others->is_bool()) {
        why = path + " has the unknown key " + std::string(pair.key());
      } else if (others != nullptr) {
        why = why_not(pair.value(), others->as_object(), path + "." + std::string(pair.key()));
      }
      if (!why.empty()) {
        return why;
      }
    }
    return "";
  }

  static std::string why_not_number(double number, const json::value& bound,
                                    const std::string& keyword, const std::string& path) {
    const auto limit = bound.to_number<double>();
    const bool fine = keyword == "minimum"   ? number >= limit
                      : keyword == "maximum" ? number <= limit
                                             : number > limit;
    return fine ? "" : path + " breaks its " + keyword;
  }

  static std::string why_not_keyword(const json::value& value, const json::object& schema,
                                     const std::string& keyword, const std::string& path) {
    const json::value& rule = schema.at(keyword);
    if (keyword == "type") {
      bool fine = rule.is_string() && is_of_type(value, rule.as_string());
      for (std::size_t i = 0; rule.is_array() && i < rule.as_array().size(); ++i) {
        fine = fine || is_of_type(value, rule.as_array()[i].as_string());
      }
      return fine ? "" : path + " is not of type " + json::serialize(rule);
    }
    if (keyword == "enum") {
      const json::array& names = rule.as_array();
      return std::find(names.begin(), names.end(), value) != names.end()
                 ? ""
                 : path + " is none of the names";
    }
    if (keyword == "const") {
      return value == rule ? "" : path + " is not " + json::serialize(rule);
    }
    if (keyword == "oneOf" || keyword == "anyOf") {
      std::string whys;
      const std::size_t matching = count_matching(value, rule.as_array(), path, whys);
      const bool fine = keyword == "oneOf" ? matching == 1 : matching > 0;
      return fine ? "" : path + " matches " + std::to_string(matching) + " of " + keyword + whys;
    }
    if (keyword == "required" && value.is_object()) {
      for (const json::value& name : rule.as_array()) {
        if (!value.as_object().contains(name.as_string())) {
          return path + " lacks " + json::serialize(name);
        }
      }
    }
    if ((keyword == "properties" || keyword == "additionalProperties") && value.is_object()) {
      return why_not_properties(value.as_object(), schema, path);
    }
    if ((keyword == "minimum" || keyword == "maximum" || keyword == "exclusiveMinimum") &&
        value.is_number()) {
      return why_not_number(value.to_number<double>(), rule, keyword, path);
    }
    if (keyword == "pattern" && value.is_string()) {
      // Compiling an expression takes longer than all the rest of a check.
      static std::map<std::string, std::regex> patterns;
      const std::string text(rule.as_string());
      const auto pattern = patterns.try_emplace(text, text).first;
      return std::regex_search(std::string(value.as_string()), pattern->second)
                 ? ""
                 : path + " breaks its pattern";
    }
    return "";
  }
};

}  // namespace tessera::test
