// Which runs a sweep consists of.

#include <algorithm>
#include <charconv>

#include "tessera/core/contract.hpp"
#include "tessera/study/sweep_plan.hpp"

namespace tessera {
namespace {

constexpr std::int64_t most_points = 1'000'000;

bool holds(const AxisGroup& group, const std::string& path) {
  return std::any_of(group.axes.begin(), group.axes.end(),
                     [&](const Axis& axis) { return axis.path == path; });
}

void refuse_repeated_paths(std::span<const AxisGroup> varied) {
  std::vector<std::string> seen;
  for (const AxisGroup& group : varied) {
    for (const Axis& axis : group.axes) {
      if (std::find(seen.begin(), seen.end(), axis.path) != seen.end()) {
        throw WrongUsage("'" + axis.path + "' is varied twice; name its values in one list");
      }
      seen.push_back(axis.path);
    }
  }
}

// Whether `varied` stands for all of `group`, none of it, or, which is refused, for a part of it.
bool replaces(const AxisGroup& varied, const AxisGroup& group) {
  std::size_t held = 0;
  std::string missing;
  for (const Axis& axis : group.axes) {
    if (holds(varied, axis.path)) {
      ++held;
    } else {
      missing = axis.path;
    }
  }
  if (held > 0 && held < group.axes.size()) {
    throw WrongUsage("the scenario zips '" + missing + "' with '" + varied.axes.front().path +
                     "': vary both in one --zip");
  }
  return held > 0;
}

// The text's groups with the varied ones put in their place or after them.
std::vector<AxisGroup> merge_groups(std::vector<AxisGroup> groups,
                                    std::span<const AxisGroup> varied) {
  refuse_repeated_paths(varied);
  for (const AxisGroup& group : varied) {
    const auto replaced = [&](const AxisGroup& other) { return replaces(group, other); };
    const auto first = std::find_if(groups.begin(), groups.end(), replaced);
    const auto place = first - groups.begin();
    groups.erase(std::remove_if(first, groups.end(), replaced), groups.end());
    groups.insert(groups.begin() + place, group);
  }
  return groups;
}

std::int64_t size_of(const AxisGroup& group) {
  return static_cast<std::int64_t>(group.axes.front().values.size());
}

std::int64_t count_points(std::span<const AxisGroup> groups) {
  std::int64_t points = 1;
  for (const AxisGroup& group : groups) {
    const std::int64_t values = size_of(group);
    if (values == 0) {
      throw WrongUsage("the axis '" + group.axes.front().path + "' has no values");
    }
    if (points > most_points / values) {
      throw WrongUsage("the sweep has more than " + std::to_string(most_points) +
                       " points; vary fewer paths or fewer values at once");
    }
    points *= values;
  }
  return points;
}

// Series of every point of a grid are rarely wanted and always large.
std::vector<Override> series_switched_off(const ScenarioText& text) {
  std::vector<Override> overrides;
  for (const char* path : {"output.memory", "output.timeseries"}) {
    if (!text.mentions(path)) {
      overrides.push_back({path, "null"});
    }
  }
  return overrides;
}

// How deep the mapping lies that an override sets. A kind replaces the mapping that it is in.
std::int64_t depth_of(const Override& setting) {
  std::string path = setting.path;
  constexpr std::string_view kind = ".kind";
  if (path.ends_with(kind)) {
    path.resize(path.size() - kind.size());
  }
  return std::count(path.begin(), path.end(), '.');
}

// A setting must not be wiped by that of a mapping around it, whichever axis comes first.
void put_mappings_before_their_keys(std::vector<Override>& settings) {
  std::stable_sort(settings.begin(), settings.end(),
                   [](const Override& a, const Override& b) { return depth_of(a) < depth_of(b); });
}

}  // namespace

SweepShard parse_shard(std::string_view text) {
  SweepShard shard;
  const char* const end = text.data() + text.size();
  const auto number = std::from_chars(text.data(), end, shard.number);
  const bool has_slash = number.ec == std::errc{} && number.ptr != end && *number.ptr == '/';
  const auto count = has_slash ? std::from_chars(number.ptr + 1, end, shard.count) : number;
  if (!has_slash || count.ec != std::errc{} || count.ptr != end || shard.number < 1 ||
      shard.number > shard.count || shard.count > most_points) {
    throw WrongUsage("--shard takes number/count, from 1/count to count/count, as in 3/16, not '" +
                     std::string(text) + "'");
  }
  return shard;
}

SweepPlan plan_settings(const ScenarioText& text, std::span<const Override> overrides,
                        std::span<const AxisGroup> varied) {
  SweepPlan plan{text, series_switched_off(text), merge_groups(text.sweep_axes(), varied), 0};
  plan.num_points = count_points(plan.groups);
  plan.fixed.insert(plan.fixed.end(), overrides.begin(), overrides.end());
  return plan;
}

SweepPlan plan_sweep(const ScenarioText& text, std::span<const Override> overrides,
                     std::span<const AxisGroup> varied) {
  SweepPlan plan = plan_settings(text, overrides, varied);
  if (plan.groups.empty()) {
    throw WrongUsage("nothing to sweep: give --vary path=value,value or a 'sweep:' mapping in " +
                     text.name());
  }
  return plan;
}

std::vector<std::string> axis_paths(const SweepPlan& plan) {
  std::vector<std::string> paths;
  for (const AxisGroup& group : plan.groups) {
    for (const Axis& axis : group.axes) {
      paths.push_back(axis.path);
    }
  }
  return paths;
}

std::string point_id(const SweepPlan& plan, std::int64_t point) {
  const std::size_t width = std::max<std::size_t>(4, std::to_string(plan.num_points - 1).size());
  const std::string digits = std::to_string(point);
  return std::string(width - digits.size(), '0') + digits;
}

// The point's digits, the last group's being the lowest one.
std::vector<std::string> point_values(const SweepPlan& plan, std::int64_t point) {
  TESSERA_INVARIANT(point >= 0 && point < plan.num_points, "a point of the sweep");
  std::vector<std::size_t> chosen(plan.groups.size());
  for (std::size_t group = plan.groups.size(); group-- > 0;) {
    const std::int64_t size = size_of(plan.groups[group]);
    chosen[group] = static_cast<std::size_t>(point % size);
    point /= size;
  }
  std::vector<std::string> values;
  for (std::size_t group = 0; group < plan.groups.size(); ++group) {
    for (const Axis& axis : plan.groups[group].axes) {
      values.push_back(axis.values[chosen[group]]);
    }
  }
  return values;
}

std::string point_settings(const SweepPlan& plan, std::int64_t point) {
  const std::vector<std::string> paths = axis_paths(plan);
  const std::vector<std::string> values = point_values(plan, point);
  std::string settings;
  for (std::size_t axis = 0; axis < paths.size(); ++axis) {
    settings += (axis == 0 ? "" : ", ") + paths[axis] + "=" + values[axis];
  }
  return settings;
}

LoadedScenario load_point(const SweepPlan& plan, std::int64_t point) {
  const std::vector<std::string> paths = axis_paths(plan);
  const std::vector<std::string> values = point_values(plan, point);
  std::vector<Override> settings = plan.fixed;
  for (std::size_t axis = 0; axis < paths.size(); ++axis) {
    settings.push_back({paths[axis], values[axis], "axis"});
  }
  put_mappings_before_their_keys(settings);
  return plan.text.load(settings);
}

std::vector<std::int64_t> points_of(const SweepPlan& plan, SweepShard shard) {
  std::vector<std::int64_t> points;
  for (std::int64_t point = shard.number - 1; point < plan.num_points; point += shard.count) {
    points.push_back(point);
  }
  return points;
}

}  // namespace tessera
