// tessera list: the names that a scenario may use.

#include <array>
#include <utility>

#include "sim/cli/options.hpp"
#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"
#include "tessera/config/load.hpp"
#include "tessera/core/closest.hpp"
#include "tessera/memory/allocator_specs.hpp"

namespace tessera {
namespace {

// The options of a spec, as `--allocator` takes them.
struct OptionNames {
  std::string text;
  template <class... Ignored>
  void field(std::string_view name, const Ignored&...) {
    text += (text.empty() ? "; options: " : ", ") + std::string(name);
  }
};

template <std::size_t... Index>
std::vector<Listing> list_alternatives(std::index_sequence<Index...>) {
  std::vector<Listing> listings;
  const auto add = [&listings]<class Spec>(const Spec& spec) {
    OptionNames options;
    Spec::describe(spec, options);
    listings.push_back({std::string(Spec::kind), std::string(Spec::summary) + options.text});
  };
  (add(std::variant_alternative_t<Index, AllocatorSpec>{}), ...);
  return listings;
}

std::vector<Listing> list_allocators() {
  return list_alternatives(std::make_index_sequence<std::variant_size_v<AllocatorSpec>>{});
}

struct Catalogue {
  const char* name;
  std::vector<Listing> (*listings)();
};

constexpr std::array<Catalogue, 8> catalogues{{
    {"gpus", list_gpus},
    {"nodes", list_nodes},
    {"models", list_models},
    {"overheads", list_overheads},
    {"policies", list_policies},
    {"kv_managers", list_kv_managers},
    {"allocators", list_allocators},
    {"traces", list_trace_formats},
}};

std::string text_of(const Catalogue& catalogue) {
  Table table;
  table.column("name", Align::left);
  table.column("what it is", Align::left);
  for (const Listing& listing : catalogue.listings()) {
    table.row({listing.name, listing.summary});
  }
  return table.text();
}

const Catalogue& find_catalogue(const std::string& name) {
  std::vector<std::string> names;
  for (const Catalogue& catalogue : catalogues) {
    if (catalogue.name == name) {
      return catalogue;
    }
    names.emplace_back(catalogue.name);
  }
  std::string message = "cannot list '" + name + "'";
  if (const auto meant = closest(name, names)) {
    message += "; did you mean '" + *meant + "'?";
  } else {
    message += "; there are";
    for (const std::string& known : names) {
      message += (known == names.front() ? " " : ", ") + known;
    }
  }
  throw WrongUsage(message);
}

}  // namespace

VerbOptions list_options() {
  return VerbOptions({
      .synopsis =
          "tessera list [gpus|nodes|models|overheads|policies|kv_managers|allocators|traces]",
      .about = "Names the presets and kinds that a scenario may use; all of them without argument.",
      .examples = "  tessera list gpus\n  tessera list policies\n",
  });
}

int list_verb(const Invocation& invocation) {
  const auto given = list_options().parse(invocation.arguments, {0, 1});
  if (!given) {
    return ExitStatus::done;
  }
  const std::vector<std::string> wanted = given->positionals();
  if (!wanted.empty()) {
    print(text_of(find_catalogue(wanted.front())));
    return ExitStatus::done;
  }
  for (const Catalogue& catalogue : catalogues) {
    const bool first = &catalogue == catalogues.data();
    print((first ? "" : "\n") + std::string(catalogue.name) + "\n" + text_of(catalogue));
  }
  return ExitStatus::done;
}

}  // namespace tessera
