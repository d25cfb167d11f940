// A spec as a YAML tree with every value written out.
#pragma once

#include <cctype>
#include <string_view>

#include "sim/config/described.hpp"
#include "sim/config/document.hpp"
#include "sim/config/emit.hpp"
#include "sim/config/scalar.hpp"

namespace tessera {

template <class T>
[[nodiscard]] Node to_node(const T& value);

// The visitor behind it: appends one entry a field.
class NodeWriter {
 public:
  explicit NodeWriter(Node& mapping) : mapping_(&mapping) {}

  template <class T, class... Rest>
  void field(std::string_view name, const T& member, const Rest&... /*rest*/) {
    mapping_->add(name, {}, to_node(member));
  }
  template <class T, class... Rest>
  void required(std::string_view name, const T& member, const Rest&... /*rest*/) {
    field(name, member);
  }

 private:
  Node* mapping_;
};

template <class T>
void append_fields(Node& mapping, const T& spec) {
  NodeWriter writer(mapping);
  T::describe(spec, writer);
}

template <class T>
Node to_node(const T& value) {
  if constexpr (is_optional<T>) {
    return value ? to_node(*value) : Node{};
  } else if constexpr (is_list<T>) {
    Node list{NodeKind::list, {}, "", false, {}, {}};
    for (const auto& item : value) {
      list.items.push_back(to_node(item));
    }
    return list;
  } else if constexpr (is_variant<T>) {
    return std::visit(
        [](const auto& spec) {
          Node mapping = mapping_node({});
          mapping.add("kind", {}, scalar_node(std::string(spec.kind), {}));
          append_fields(mapping, spec);
          return mapping;
        },
        value);
  } else if constexpr (Described<T>) {
    Node mapping = mapping_node({});
    append_fields(mapping, value);
    return mapping;
  } else if constexpr (std::is_enum_v<T>) {
    return scalar_node(std::string(name_of(value)), {});
  } else {
    constexpr ScalarForm form = form_of<T>();
    Node node = scalar_node(text_of(value), {});
    node.quoted = (form == ScalarForm::text || form == ScalarForm::file) && needs_quotes(node.text);
    return node;
  }
}

}  // namespace tessera
