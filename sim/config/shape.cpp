#include "sim/config/shape.hpp"

#include <algorithm>

#include "sim/config/described.hpp"
#include "sim/config/node_preset.hpp"
#include "sim/config/presets.hpp"
#include "sim/config/to_node.hpp"
#include "tessera/config/calibration.hpp"

namespace tessera {
namespace {

template <class T>
Shape shape_of();

template <class T>
std::vector<ShapeField> fields_of();

template <class R>
std::string bound_text(const std::optional<R>& bound) {
  return bound ? text_of(*bound) : "";
}

// The visitor that collects a spec's fields.
class ShapeBuilder {
 public:
  template <class T>
  void field(std::string_view name, const T& member, std::string_view doc) {
    add(name, member, doc, {});
  }
  template <class T, class R>
  void field(std::string_view name, const T& member, const Range<R>& range, std::string_view doc) {
    add(name, member, doc, {bound_text(range.above), bound_text(range.min), bound_text(range.max)});
  }
  template <class T>
  void required(std::string_view name, const T& member, std::string_view doc) {
    field(name, member, doc);
    fields_.back().required = true;
  }
  template <class T, class R>
  void required(std::string_view name, const T& member, const Range<R>& range,
                std::string_view doc) {
    field(name, member, range, doc);
    fields_.back().required = true;
  }
  [[nodiscard]] std::vector<ShapeField> take() { return std::move(fields_); }

 private:
  template <class T>
  void add(std::string_view name, const T& member, std::string_view doc, ShapeRange range) {
    fields_.push_back({std::string(name), std::string(doc), false, std::move(range),
                       to_node(member), shape_of<T>()});
  }

  std::vector<ShapeField> fields_;
};

template <class T>
std::vector<ShapeField> fields_of() {
  const T defaults{};
  ShapeBuilder builder;
  T::describe(defaults, builder);
  return builder.take();
}

template <class... Specs>
std::vector<ShapeAlternative> alternatives_of(As<std::variant<Specs...>> /*type*/) {
  return {ShapeAlternative{std::string(Specs::kind), std::string(Specs::summary),
                           fields_of<Specs>()}...};
}

template <class E>
std::vector<std::string> enum_names() {
  return {EnumNames<E>::names.begin(), EnumNames<E>::names.end()};
}

ShapeField preset_field(std::vector<std::string> names) {
  Shape shape;
  shape.kind = ShapeKind::enumeration;
  shape.names = std::move(names);
  return {"preset",        "start from this preset; the other keys refine it", false, {}, {},
          std::move(shape)};
}

ShapeField hugging_face_field() {
  Shape shape;
  shape.form = ScalarForm::file;
  return {"hugging_face",  "read the architecture from this config.json", false, {}, {},
          std::move(shape)};
}

template <class T>
Shape described_shape() {
  Shape shape;
  shape.kind = ShapeKind::mapping;
  shape.fields = fields_of<T>();
  if constexpr (std::is_same_v<T, GpuSpec>) {
    shape.shorthand = Shorthand::preset_name;
    shape.bases = {preset_field(gpu_preset_names())};
  } else if constexpr (std::is_same_v<T, ModelSpec>) {
    shape.shorthand = Shorthand::preset_name;
    shape.bases = {preset_field(model_preset_names()), hugging_face_field()};
  } else if constexpr (std::is_same_v<T, EngineOverheads>) {
    shape.shorthand = Shorthand::preset_name;
    shape.bases = {preset_field(overheads_preset_names())};
  } else if constexpr (std::is_same_v<T, LatencyLimit>) {
    shape.shorthand = Shorthand::limit_on_each;
  } else if constexpr (std::is_same_v<T, SeriesSpec>) {
    shape.shorthand = Shorthand::on_or_off;
  }
  return shape;
}

template <class T>
Shape shape_of() {
  if constexpr (is_optional<T>) {
    Shape shape = shape_of<typename T::value_type>();
    shape.nullable = true;
    return shape;
  } else if constexpr (Described<T>) {
    return described_shape<T>();
  } else {
    Shape shape;
    if constexpr (is_list<T>) {
      shape.kind = ShapeKind::list;
      shape.items.push_back(shape_of<typename T::value_type>());
    } else if constexpr (is_variant<T>) {
      shape.kind = ShapeKind::variant;
      shape.alternatives = alternatives_of(As<T>{});
      shape.shorthand =
          std::is_same_v<T, LengthSpec> ? Shorthand::kind_or_tokens : Shorthand::kind_name;
    } else if constexpr (std::is_enum_v<T>) {
      shape.kind = ShapeKind::enumeration;
      shape.names = enum_names<T>();
    } else {
      shape.form = form_of<T>();
      shape.is_unsigned = std::is_unsigned_v<T> && !std::is_same_v<T, bool>;
    }
    return shape;
  }
}

}  // namespace

const ShapeAlternative* Shape::alternative(std::string_view name) const {
  const auto it = std::find_if(alternatives.begin(), alternatives.end(),
                               [&](const ShapeAlternative& a) { return a.kind == name; });
  return it == alternatives.end() ? nullptr : &*it;
}

std::vector<std::string> Shape::kinds() const {
  std::vector<std::string> all;
  for (const ShapeAlternative& one : alternatives) {
    all.push_back(one.kind);
  }
  return all;
}

const ShapeField* find_field(const std::vector<ShapeField>& fields, std::string_view name) {
  const auto it = std::find_if(fields.begin(), fields.end(),
                               [&](const ShapeField& field) { return field.name == name; });
  return it == fields.end() ? nullptr : &*it;
}

std::vector<std::string> names_of(const std::vector<ShapeField>& fields) {
  std::vector<std::string> names;
  for (const ShapeField& field : fields) {
    names.push_back(field.name);
  }
  return names;
}

const Shape& scenario_shape() {
  static const Shape shape = [] {
    Shape whole = shape_of<Scenario>();
    // A GPU has no default of its own, but a scenario has: the T4.
    const auto field_of = [](std::vector<ShapeField>& fields,
                             std::string_view name) -> ShapeField& {
      return *std::find_if(fields.begin(), fields.end(),
                           [&](const ShapeField& field) { return field.name == name; });
    };
    std::vector<ShapeField>& hardware = field_of(whole.fields, "hardware").shape.fields;
    field_of(hardware, "gpu").required = false;
    Shape& node = field_of(hardware, "node").shape;
    node.kind = ShapeKind::enumeration;
    node.names = node_preset_names();
    return whole;
  }();
  return shape;
}

const Shape& hardware_shape() {
  static const Shape shape = shape_of<HardwareSpec>();
  return shape;
}

const Shape& gpu_shape() {
  static const Shape shape = shape_of<GpuSpec>();
  return shape;
}

const Shape& model_shape() {
  static const Shape shape = shape_of<ModelSpec>();
  return shape;
}

const Shape& overheads_shape() {
  static const Shape shape = shape_of<EngineOverheads>();
  return shape;
}

const Shape& calibration_shape() {
  static const Shape shape = shape_of<CalibrationSettings>();
  return shape;
}

}  // namespace tessera
