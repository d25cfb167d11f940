// Which kinds of type a spec's members have, as its describe() shows them.
#pragma once

#include <concepts>
#include <optional>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "tessera/core/spec.hpp"
#include "tessera/engine/scenario.hpp"

namespace tessera {

// A visitor that looks at nothing: what describe() is tried with.
struct BlindVisitor {
  template <class... Arguments>
  void field(Arguments&&... /*arguments*/) {}
  template <class... Arguments>
  void required(Arguments&&... /*arguments*/) {}
};

template <class T>
concept Described = requires(T& spec, BlindVisitor& visitor) {
  T::describe(spec, visitor);
};

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class T>
inline constexpr bool is_list = false;
template <class T>
inline constexpr bool is_list<std::vector<T>> = true;

template <class T>
inline constexpr bool is_variant = false;
template <class... Specs>
inline constexpr bool is_variant<std::variant<Specs...>> = true;

// Specs that may be named: `gpu: t4`, or refined: {preset: t4, memory: 14 GiB}.
template <class T>
inline constexpr bool has_presets = std::is_same_v<T, GpuSpec> || std::is_same_v<T, ModelSpec> ||
                                    std::is_same_v<T, EngineOverheads>;

}  // namespace tessera
