// What a scenario may look like, as a value: built once from the specs' describe(). Overrides find
// their paths in it, unknown keys are told by it, and the JSON Schema is printed from it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sim/config/document.hpp"
#include "sim/config/scalar.hpp"

namespace tessera {

enum class ShapeKind { scalar, enumeration, list, mapping, variant };

// What may stand in place of the mapping, beside a mapping itself.
enum class Shorthand {
  none,
  kind_name,       // `policy: orca`
  kind_or_tokens,  // `prompt_tokens: 512` as well: {kind: fixed, tokens: 512}
  preset_name,     // `gpu: t4`
  limit_on_each,   // `ttft: 2 s`: {each: 2 s}
  on_or_off,       // `memory: true`: {}; `memory: false`: null
};

// Bounds as text, for messages and the schema.
struct ShapeRange {
  std::string above;
  std::string min;
  std::string max;
};

struct ShapeField;

// One kind of a variant.
struct ShapeAlternative {
  std::string kind;
  std::string summary;
  std::vector<ShapeField> fields;
};

struct Shape {
  ShapeKind kind = ShapeKind::scalar;
  ScalarForm form = ScalarForm::text;
  bool nullable = false;
  bool is_unsigned = false;
  Shorthand shorthand = Shorthand::none;
  std::vector<std::string> names;              // of an enumeration
  std::vector<Shape> items;                    // of a list: one
  std::vector<ShapeField> fields;              // of a mapping
  std::vector<ShapeField> bases;               // of a mapping: `preset`, `hugging_face`
  std::vector<ShapeAlternative> alternatives;  // of a variant; the first is the default

  [[nodiscard]] const ShapeAlternative* alternative(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> kinds() const;
};

struct ShapeField {
  std::string name;
  std::string doc;
  bool required = false;
  ShapeRange range;
  Node fallback;  // the default
  Shape shape;
};

[[nodiscard]] const ShapeField* find_field(const std::vector<ShapeField>& fields,
                                           std::string_view name);
[[nodiscard]] std::vector<std::string> names_of(const std::vector<ShapeField>& fields);

// Of a whole scenario, of a node's hardware, of a GPU, of a model, of an engine's overheads. Built
// at the first call; safe from any thread.
[[nodiscard]] const Shape& scenario_shape();
[[nodiscard]] const Shape& hardware_shape();
[[nodiscard]] const Shape& gpu_shape();
[[nodiscard]] const Shape& model_shape();
[[nodiscard]] const Shape& overheads_shape();
// Of the settings of a calibration.
[[nodiscard]] const Shape& calibration_shape();

}  // namespace tessera
