// How a spec (a plain struct of settings) describes its fields, once.
//
//   struct PagedKvSpec {
//     static constexpr std::string_view kind = "paged";
//     static constexpr std::string_view summary = "fixed-size KV blocks, allocated as they fill";
//     Tokens block_size{16};
//     template <class Self, class Visitor>
//     static void describe(Self& self, Visitor& v) {
//       v.field("block_size", self.block_size, between(Tokens{1}, Tokens{4096}),
//               "tokens in a KV block");
//     }
//   };
//
// That one function drives the YAML reader, the checks of ranges and units, the "did you mean", the
// resolved echo, the JSON Schema and the paths of --set and --vary. Defaults are the member
// initialisers. A visitor offers
//   field(name, member, doc)           any value of the member's type is allowed
//   field(name, member, range, doc)    it must lie in `range`
//   required(name, member[, range], doc)   has no default: a scenario must give it
// The member's type decides how it reads:
//   bool, integers, double             plain numbers (fractions are 0..1)
//   Tokens, Blocks, Iterations         whole numbers
//   Bytes                              with a unit: 512 B, 64 KiB, 2 GiB, 1.5 GB
//   Duration                           with a unit: 100 us, 150 ms, 2 s, 10 min, 24 h
//   Rate, Bandwidth, Flops, Power      with a unit: 2.5 /s, 300 GB/s, 65 TFLOPS, 70 W
//   std::string, FilePath              text; a FilePath is relative to the scenario's folder
//   an enum                            one of EnumNames<E>::names, in the order of its values
//   std::optional<T>                   as T; absent or `null` means "not set"
//   std::vector<T>                     a list
//   a struct with describe()           a mapping
//   std::variant<Specs...>             a mapping whose `kind` names the alternative (its first
//                                      alternative is the default); the list is the registry
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace tessera {

// Where a value may lie. `above` is an exclusive lower bound.
template <class T>
struct Range {
  std::optional<T> above;
  std::optional<T> min;
  std::optional<T> max;

  [[nodiscard]] constexpr bool contains(const T& value) const {
    return (!above || value > *above) && (!min || value >= *min) && (!max || value <= *max);
  }
};

template <class T>
[[nodiscard]] constexpr Range<T> between(T min, T max) {
  return Range<T>{{}, min, max};
}
template <class T>
[[nodiscard]] constexpr Range<T> at_least(T min) {
  return Range<T>{{}, min, {}};
}
template <class T>
[[nodiscard]] constexpr Range<T> more_than(T bound) {
  return Range<T>{bound, {}, {}};
}
// Above `bound`, up to and including `max`.
template <class T>
[[nodiscard]] constexpr Range<T> within(T bound, T max) {
  return Range<T>{bound, {}, max};
}

// Specialise for each enum that appears in a spec:
//   template <> struct EnumNames<Reserve> {
//     static constexpr std::array<std::string_view, 3> names{"max", "pow2", "oracle"};
//   };
template <class E>
struct EnumNames;

template <class E>
[[nodiscard]] constexpr std::string_view name_of(E value) {
  return EnumNames<E>::names[static_cast<std::size_t>(value)];
}

// A physical quantity that is a real number with a unit, in the unit of its tag.
template <class Tag>
class Measure {
 public:
  constexpr Measure() = default;
  constexpr explicit Measure(double value) : value_(value) {}
  [[nodiscard]] constexpr double value() const { return value_; }
  friend constexpr auto operator<=>(Measure, Measure) = default;

 private:
  double value_ = 0.0;
};

using Rate = Measure<struct PerSecondTag>;            // 1/s
using Bandwidth = Measure<struct BytesPerSecondTag>;  // bytes/s
using Flops = Measure<struct FlopsPerSecondTag>;      // FLOP/s (or integer OP/s)
using Power = Measure<struct WattTag>;                // W

// A file named in a scenario.
struct FilePath {
  std::string path;
  friend bool operator==(const FilePath&, const FilePath&) = default;
};

}  // namespace tessera
