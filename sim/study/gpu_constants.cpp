#include "sim/study/gpu_constants.hpp"

#include <concepts>

#include "tessera/core/contract.hpp"

namespace tessera {
namespace {

// A visitor of describe() that acts on the leaf at one path.
template <class Act>
class LeafAt {
 public:
  LeafAt(std::string_view path, Act act) : path_(path), act_(act) {}

  template <class T, class... Rest>
  void field(std::string_view name, T& member, const Rest&... /*rest*/) {
    const std::size_t dot = path_.find('.');
    if (path_.substr(0, dot) != name) {
      return;
    }
    if constexpr (std::same_as<std::remove_const_t<T>, double> ||
                  std::same_as<std::remove_const_t<T>, Duration>) {
      if (dot == std::string_view::npos) {
        act_(member);
      }
    } else if constexpr (requires { std::remove_const_t<T>::describe(member, *this); }) {
      if (dot != std::string_view::npos) {
        LeafAt deeper(path_.substr(dot + 1), act_);
        std::remove_const_t<T>::describe(member, deeper);
      }
    }
  }
  template <class T, class... Rest>
  void required(std::string_view name, T& member, const Rest&... rest) {
    field(name, member, rest...);
  }

 private:
  std::string_view path_;
  Act act_;
};

struct Read {
  std::optional<double>* value;
  void operator()(double number) const { *value = number; }
  void operator()(Duration time) const { *value = time.to_seconds(); }
};

struct Write {
  double value;
  bool* found;
  void operator()(double& number) const {
    number = value;
    *found = true;
  }
  void operator()(Duration& time) const {
    time = Duration::from_seconds(value);
    *found = true;
  }
};

}  // namespace

std::optional<double> constant_at(const GpuSpec& gpu, std::string_view path) {
  std::optional<double> value;
  LeafAt visitor(path, Read{&value});
  GpuSpec::describe(gpu, visitor);
  return value;
}

void set_constant(GpuSpec& gpu, std::string_view path, double value) {
  bool found = false;
  LeafAt visitor(path, Write{value, &found});
  GpuSpec::describe(gpu, visitor);
  TESSERA_INVARIANT(found, "a fitted constant is one of the GPU's");
}

}  // namespace tessera
