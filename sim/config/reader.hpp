// Fills a spec from a tree of the right structure (conform.hpp checks that): converts the plain
// values, checks their ranges, and starts from presets where they are named.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "sim/config/conform.hpp"
#include "sim/config/described.hpp"
#include "sim/config/document.hpp"
#include "sim/config/problems.hpp"
#include "sim/config/scalar.hpp"

namespace tessera {

struct ReadContext {
  Problems& problems;
  const std::string& directory;  // where relative file names start
};

// Starts `out` from the preset or the Hugging Face file that `mapping` names, if it names one.
void read_base(const Node& mapping, GpuSpec& out, std::string_view path, ReadContext context);
void read_base(const Node& mapping, ModelSpec& out, std::string_view path, ReadContext context);
void read_base(const Node& mapping, EngineOverheads& out, std::string_view path,
               ReadContext context);

enum class Outcome { read, refused };

template <class T>
Outcome read_node(const Node& node, T& out, const std::string& path, ReadContext context);

// "must be at least 1, got 0".
template <class R>
[[nodiscard]] std::string out_of_range(const Range<R>& range, const R& value) {
  std::string text = "must be ";
  if (range.min && range.max && *range.min == *range.max) {
    text += text_of(*range.min);
    return text + ", got " + text_of(value) + "; nothing else is modelled yet";
  }
  if (range.above) {
    text += "more than " + text_of(*range.above);
  }
  if (range.min) {
    text += "at least " + text_of(*range.min);
  }
  if (range.max) {
    text += (range.above || range.min ? " and at most " : "at most ") + text_of(*range.max);
  }
  return text + ", got " + text_of(value);
}

// The visitor: reads the fields that the mapping gives.
class FieldReader {
 public:
  FieldReader(const Node& mapping, const std::string& path, ReadContext context)
      : mapping_(&mapping), path_(&path), context_(context) {}

  template <class T>
  void field(std::string_view name, T& member, std::string_view /*doc*/) {
    if (const Entry* entry = mapping_->find(name)) {
      (void)read_node(entry->value, member, join_path(*path_, name), context_);
    }
  }
  template <class T, class R>
  void field(std::string_view name, T& member, const Range<R>& range, std::string_view /*doc*/) {
    const Entry* entry = mapping_->find(name);
    if (entry == nullptr) {
      return;
    }
    T value{};
    const std::string path = join_path(*path_, name);
    if (read_node(entry->value, value, path, context_) == Outcome::refused) {
      return;
    }
    if (const R* number = number_in(value); number != nullptr && !range.contains(*number)) {
      const Place& place = entry->value.place;
      context_.problems.error(place, path, prefix(place, path) + out_of_range(range, *number));
      return;
    }
    member = value;
  }
  template <class T, class... Rest>
  void required(std::string_view name, T& member, const Rest&... rest) {
    field(name, member, rest...);
  }

 private:
  template <class R>
  static const R* number_in(const R& value) {
    return &value;
  }
  template <class R>
  static const R* number_in(const std::optional<R>& value) {
    return value ? &*value : nullptr;
  }

  const Node* mapping_;
  const std::string* path_;
  ReadContext context_;
};

template <class E>
Outcome read_enum(const Node& node, E& out, const std::string& path, ReadContext context) {
  const auto& names = EnumNames<E>::names;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == node.text) {
      out = static_cast<E>(i);
      return Outcome::read;
    }
  }
  context.problems.error(node.place, path,
                         unknown_name("value", node.text, path, {names.begin(), names.end()}));
  return Outcome::refused;
}

template <class T>
Outcome read_scalar(const Node& node, T& out, const std::string& path, ReadContext context) {
  auto parsed = parse_scalar(ScalarText{node.text, node.quoted}, As<T>{});
  if (const auto* complaint = std::get_if<Complaint>(&parsed)) {
    context.problems.error(node.place, path, prefix(node.place, path) + complaint->message);
    return Outcome::refused;
  }
  out = std::get<T>(std::move(parsed));
  return Outcome::read;
}

template <class Spec>
Outcome read_spec(const Node& node, Spec& out, const std::string& path, ReadContext context) {
  if constexpr (has_presets<Spec>) {
    read_base(node, out, path, context);
  }
  FieldReader reader(node, path, context);
  Spec::describe(out, reader);
  return Outcome::read;
}

template <class... Specs>
Outcome read_variant(const Node& node, std::variant<Specs...>& out, const std::string& path,
                     ReadContext context) {
  const Node* kind = node.scalar_at("kind");
  if (kind == nullptr) {
    out = std::variant<Specs...>{};
    return std::visit([&](auto& spec) { return read_spec(node, spec, path, context); }, out);
  }
  Outcome outcome = Outcome::refused;
  const auto try_one = [&]<class Spec>(As<Spec> /*type*/) {
    if (Spec::kind == kind->text) {
      out = Spec{};
      outcome = read_spec(node, std::get<Spec>(out), path, context);
    }
  };
  (try_one(As<Specs>{}), ...);
  return outcome;
}

template <class T>
Outcome read_optional(const Node& node, std::optional<T>& out, const std::string& path,
                      ReadContext context) {
  if (node.is(NodeKind::null)) {
    out.reset();
    return Outcome::read;
  }
  T value = out ? *out : T{};
  const Outcome outcome = read_node(node, value, path, context);
  if (outcome == Outcome::read) {
    out = std::move(value);
  }
  return outcome;
}

template <class T>
Outcome read_list(const Node& node, std::vector<T>& out, const std::string& path,
                  ReadContext context) {
  out.assign(node.items.size(), {});
  Outcome outcome = Outcome::read;
  for (std::size_t i = 0; i < node.items.size(); ++i) {
    if (read_node(node.items[i], out[i], path, context) == Outcome::refused) {
      outcome = Outcome::refused;
    }
  }
  return outcome;
}

template <class T>
Outcome read_node(const Node& node, T& out, const std::string& path, ReadContext context) {
  if constexpr (is_optional<T>) {
    return read_optional(node, out, path, context);
  } else if constexpr (is_list<T>) {
    return node.is(NodeKind::list) ? read_list(node, out, path, context) : Outcome::refused;
  } else if constexpr (is_variant<T>) {
    return node.is(NodeKind::mapping) ? read_variant(node, out, path, context) : Outcome::refused;
  } else if constexpr (Described<T>) {
    return node.is(NodeKind::mapping) ? read_spec(node, out, path, context) : Outcome::refused;
  } else if constexpr (std::is_enum_v<T>) {
    return node.is(NodeKind::scalar) ? read_enum(node, out, path, context) : Outcome::refused;
  } else {
    return node.is(NodeKind::scalar) ? read_scalar(node, out, path, context) : Outcome::refused;
  }
}

}  // namespace tessera
