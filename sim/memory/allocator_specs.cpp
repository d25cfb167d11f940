#include "tessera/memory/allocator_specs.hpp"

#include <bit>
#include <type_traits>

namespace tessera {
namespace {

bool is_power_of_two(std::int64_t value) {
  return value > 0 && std::has_single_bit(static_cast<std::uint64_t>(value));
}

// Finds the first field outside its range.
class RangeCheck {
 public:
  template <class T>
  void field(std::string_view, const T&, std::string_view) {}
  template <class T>
  void field(std::string_view name, const T& value, const Range<T>& range, std::string_view doc) {
    check(name, range.contains(value), doc);
  }
  template <class T>
  void field(std::string_view name, const std::optional<T>& value, const Range<T>& range,
             std::string_view doc) {
    check(name, !value || range.contains(*value), doc);
  }
  [[nodiscard]] const std::optional<std::string>& problem() const { return problem_; }

 private:
  void check(std::string_view name, bool holds, std::string_view doc) {
    if (!holds && !problem_) {
      problem_ = std::string(name) + " is out of range (" + std::string(doc) + ")";
    }
  }
  std::optional<std::string> problem_;
};

std::optional<std::string> beyond_ranges(const CudaCachingSpec& spec) {
  if (spec.roundup_power2_divisions != 0 && !is_power_of_two(spec.roundup_power2_divisions)) {
    return "roundup_power2_divisions must be a power of two, or 0";
  }
  return std::nullopt;
}

std::optional<std::string> beyond_ranges(const BuddySpec& spec) {
  if (!is_power_of_two(spec.smallest.count())) {
    return "smallest must be a power of two";
  }
  return std::nullopt;
}

template <class Spec>
std::optional<std::string> beyond_ranges(const Spec&) {
  return std::nullopt;
}

}  // namespace

std::string_view kind_of(const AllocatorSpec& spec) {
  return std::visit([](const auto& s) { return std::decay_t<decltype(s)>::kind; }, spec);
}

std::optional<std::string> problem_with(const AllocatorSpec& spec) {
  return std::visit(
      [](const auto& s) {
        RangeCheck check;
        std::decay_t<decltype(s)>::describe(s, check);
        return check.problem() ? check.problem() : beyond_ranges(s);
      },
      spec);
}

}  // namespace tessera
