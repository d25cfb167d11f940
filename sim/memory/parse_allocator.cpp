// Reads an allocator and its options from one word of a command line. The options are what the spec
// describes; nothing here knows any of them by name.
#include <array>
#include <charconv>
#include <cmath>
#include <type_traits>
#include <utility>
#include <vector>

#include "tessera/core/closest.hpp"
#include "tessera/memory/allocator_specs.hpp"

namespace tessera {
namespace {

[[noreturn]] void refuse(const std::string& message) {
  throw BadAllocatorText(message);
}

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

std::string suggestion(std::string_view word, const std::vector<std::string>& names) {
  const auto meant = closest(word, names);
  if (meant) {
    return "; did you mean '" + *meant + "'?";
  }
  std::string list;
  for (const std::string& name : names) {
    list += (list.empty() ? "" : ", ") + name;
  }
  return "; there are " + list;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

void read_value(std::string_view text, bool& value) {
  if (text == "true" || text == "True" || text == "1") {
    value = true;
  } else if (text == "false" || text == "False" || text == "0") {
    value = false;
  } else {
    refuse("is true or false, not " + quoted(text));
  }
}

template <class Number>
requires(std::is_same_v<Number, std::int64_t> ||
         std::is_same_v<Number, double>) void read_value(std::string_view text, Number& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) {
    refuse(std::string(std::is_same_v<Number, double> ? "is a number" : "is a whole number") +
           ", not " + quoted(text));
  }
}

struct Unit {
  std::string_view name;
  std::int64_t bytes;
};
constexpr std::array<Unit, 10> byte_units{{{"", 1},
                                           {"B", 1},
                                           {"kB", 1'000},
                                           {"MB", 1'000'000},
                                           {"GB", 1'000'000'000},
                                           {"TB", 1'000'000'000'000},
                                           {"KiB", std::int64_t{1} << 10},
                                           {"MiB", std::int64_t{1} << 20},
                                           {"GiB", std::int64_t{1} << 30},
                                           {"TiB", std::int64_t{1} << 40}}};

// A number of bytes is whole: 1.5 GiB is, 0.3 B is not.
void read_value(std::string_view text, Bytes& value) {
  const auto unit_at = std::min(text.find_first_not_of("0123456789."), text.size());
  const std::string_view number = text.substr(0, unit_at);
  const std::string_view unit_name = trimmed(text.substr(unit_at));
  const auto* unit = byte_units.begin();
  while (unit != byte_units.end() && unit->name != unit_name) {
    ++unit;
  }
  if (unit == byte_units.end()) {
    refuse("has the unknown unit " + quoted(unit_name) + "; write bytes as 2048MiB, 1.5GiB, 2GB");
  }
  long double amount = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), amount);
  const long double bytes = amount * static_cast<long double>(unit->bytes);
  if (error != std::errc{} || end != number.data() + number.size() || number.empty()) {
    refuse("is a number of bytes such as 2048MiB, not " + quoted(text));
  }
  constexpr long double most = 1e18L;
  if (bytes > most || bytes != std::floor(bytes)) {
    refuse("is not a whole number of bytes up to 10^18: " + quoted(text));
  }
  value = Bytes{static_cast<std::int64_t>(bytes)};
}

template <class T>
void read_value(std::string_view text, std::optional<T>& value) {
  if (text == "null") {
    value.reset();
  } else {
    read_value(text, value.emplace());
  }
}

// Sets the one field that has a name, and gathers the names on the way.
class OptionReader {
 public:
  OptionReader(std::string_view name, std::string_view text) : name_(name), text_(text) {}

  template <class T>
  void field(std::string_view name, T& value, std::string_view) {
    names_.emplace_back(name);
    if (name == name_) {
      found_ = true;
      read_value(text_, value);
    }
  }
  template <class T, class Bound>
  void field(std::string_view name, T& value, const Range<Bound>&, std::string_view doc) {
    field(name, value, doc);
  }
  [[nodiscard]] bool found() const { return found_; }
  [[nodiscard]] const std::vector<std::string>& names() const { return names_; }

 private:
  std::string_view name_;
  std::string_view text_;
  bool found_ = false;
  std::vector<std::string> names_;
};

void read_option(std::string_view option, AllocatorSpec& spec) {
  const std::string kind(kind_of(spec));
  const auto equals = option.find('=');
  if (equals == std::string_view::npos) {
    refuse("allocator " + kind + ": option " + quoted(option) +
           " has no value; write option=value");
  }
  const std::string_view name = trimmed(option.substr(0, equals));
  OptionReader reader(name, trimmed(option.substr(equals + 1)));
  try {
    std::visit([&reader](auto& s) { std::decay_t<decltype(s)>::describe(s, reader); }, spec);
  } catch (const BadAllocatorText& problem) {
    refuse("allocator " + kind + ": " + std::string(name) + " " + problem.what());
  }
  if (!reader.found()) {
    refuse("allocator " + kind + " has no option " + quoted(name) +
           suggestion(name, reader.names()));
  }
}

template <std::size_t... Index>
AllocatorSpec spec_named(std::string_view name, std::index_sequence<Index...>) {
  std::optional<AllocatorSpec> found;
  const auto consider = [&]<class Spec>(Spec spec) {
    if (Spec::kind == name) {
      found = spec;
    }
  };
  (consider(std::variant_alternative_t<Index, AllocatorSpec>{}), ...);
  if (!found) {
    const std::vector<std::string> names{
        std::string(std::variant_alternative_t<Index, AllocatorSpec>::kind)...};
    refuse("there is no allocator " + quoted(name) + suggestion(name, names));
  }
  return *found;
}

}  // namespace

AllocatorSpec parse_allocator(std::string_view text) {
  const auto comma = std::min(text.find(','), text.size());
  AllocatorSpec spec = spec_named(trimmed(text.substr(0, comma)),
                                  std::make_index_sequence<std::variant_size_v<AllocatorSpec>>{});
  for (std::size_t from = comma + 1; from <= text.size();) {
    const auto end = std::min(text.find(',', from), text.size());
    read_option(text.substr(from, end - from), spec);
    from = end + 1;
  }
  if (const auto problem = problem_with(spec)) {
    refuse("allocator " + std::string(kind_of(spec)) + ": " + *problem);
  }
  return spec;
}

}  // namespace tessera
