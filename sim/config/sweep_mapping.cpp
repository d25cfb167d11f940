#include "sim/config/sweep_mapping.hpp"

#include <algorithm>
#include <optional>
#include <variant>

#include "sim/config/axes.hpp"
#include "sim/config/emit.hpp"
#include "sim/config/overrides.hpp"

namespace tessera {
namespace {

constexpr const char* zip_key = "zip";

void add_values(const Node& item, std::string_view path, SweptAxis& axis, Problems& problems) {
  const auto range =
      item.is(NodeKind::scalar) && !item.quoted ? expand_range(item.text) : std::nullopt;
  if (!range) {
    axis.values.push_back({to_flow_text(item), item.place});
  } else if (const auto* why = std::get_if<std::string>(&*range)) {
    problems.error(item.place, path,
                   std::string(path) + ": the range " + in_quotes(item.text) + " " + *why);
  } else {
    for (const std::string& value : std::get<std::vector<std::string>>(*range)) {
      axis.values.push_back({value, item.place});
    }
  }
}

SweptAxis read_axis(const Entry& entry, const std::string& path, Problems& problems) {
  SweptAxis axis{entry.key, {}};
  const Node& value = entry.value;
  const bool is_range = value.is(NodeKind::scalar) && expand_range(value.text).has_value();
  if (const std::string why = why_no_such_path(entry.key); !why.empty()) {
    problems.error(entry.place, path, "sweep: " + why);
  } else if (is_range) {
    add_values(value, path, axis, problems);
  } else if (!value.is(NodeKind::list) || value.items.empty()) {
    problems.error(value.place, path,
                   path + ": expected a list of values, or a range such as '1..64*2', got " +
                       (value.is(NodeKind::list) ? "an empty list" : name_of(value.kind)));
  } else {
    for (const Node& item : value.items) {
      add_values(item, path, axis, problems);
    }
  }
  return axis;
}

// Paths whose values are taken side by side.
void add_zip(const Node& mapping, std::vector<SweptGroup>& groups, Problems& problems) {
  if (!mapping.is(NodeKind::mapping) || mapping.entries.empty()) {
    problems.error(mapping.place, "sweep.zip",
                   "sweep.zip: expected a mapping of paths to lists of equal length, got " +
                       std::string(mapping.is(NodeKind::mapping) ? "an empty mapping"
                                                                 : name_of(mapping.kind)));
    return;
  }
  SweptGroup group;
  const std::size_t before = problems.all().size();
  for (const Entry& entry : mapping.entries) {
    group.push_back(read_axis(entry, "sweep.zip." + entry.key, problems));
  }
  for (std::size_t i = 1; i < group.size() && problems.all().size() == before; ++i) {
    if (group[i].values.size() != group.front().values.size()) {
      problems.error(mapping.entries[i].place, "sweep.zip." + group[i].path,
                     unequal_zip({group.front().path, group.front().values.size()},
                                 {group[i].path, group[i].values.size()}));
    }
  }
  groups.push_back(std::move(group));
}

void refuse_repeated_paths(const Entry& sweep, const std::vector<SweptGroup>& groups,
                           Problems& problems) {
  std::vector<std::string> seen;
  for (const SweptGroup& group : groups) {
    for (const SweptAxis& axis : group) {
      if (std::find(seen.begin(), seen.end(), axis.path) != seen.end()) {
        problems.error(sweep.place, "sweep." + axis.path,
                       "sweep: '" + axis.path + "' is given twice, once in a zip");
      }
      seen.push_back(axis.path);
    }
  }
}

}  // namespace

std::string unequal_zip(const std::pair<std::string, std::size_t>& one,
                        const std::pair<std::string, std::size_t>& other) {
  return "zipped paths take their values side by side, but '" + one.first + "' has " +
         std::to_string(one.second) + " and '" + other.first + "' has " +
         std::to_string(other.second);
}

std::vector<SweptGroup> take_sweep(Node& root, Problems& problems) {
  std::vector<SweptGroup> groups;
  const Entry* sweep = root.find("sweep");
  if (sweep == nullptr) {
    return groups;
  }
  if (sweep->value.is(NodeKind::mapping)) {
    for (const Entry& entry : sweep->value.entries) {
      if (entry.key != zip_key) {
        groups.push_back({read_axis(entry, "sweep." + entry.key, problems)});
      } else if (entry.value.is(NodeKind::list)) {
        for (const Node& item : entry.value.items) {
          add_zip(item, groups, problems);
        }
      } else {
        add_zip(entry.value, groups, problems);
      }
    }
    refuse_repeated_paths(*sweep, groups, problems);
  } else if (!sweep->value.is(NodeKind::broken) && !sweep->value.is(NodeKind::null)) {
    problems.error(sweep->value.place, "sweep",
                   std::string("sweep: expected a mapping of paths to lists of values, got ") +
                       name_of(sweep->value.kind));
  }
  root.entries.erase(root.entries.begin() + (sweep - root.entries.data()));
  return groups;
}

std::vector<AxisGroup> plain_groups(const std::vector<SweptGroup>& swept) {
  std::vector<AxisGroup> groups;
  for (const SweptGroup& group : swept) {
    groups.emplace_back();
    for (const SweptAxis& axis : group) {
      Axis plain{axis.path, {}};
      for (const SweptValue& value : axis.values) {
        plain.values.push_back(value.text);
      }
      groups.back().axes.push_back(std::move(plain));
    }
  }
  return groups;
}

}  // namespace tessera
