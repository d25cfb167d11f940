// Which runs a sweep consists of, and whether each of them can run.

#include <algorithm>
#include <exception>

#include "sim/study/one_line.hpp"
#include "tessera/study/sweep.hpp"

namespace tessera {
namespace {

constexpr std::int64_t most_points = 1'000'000;

// The text's axes with the varied ones put in their place or after them.
std::vector<Axis> merge_axes(std::vector<Axis> axes, std::span<const Axis> varied) {
  std::vector<std::string> seen;
  for (const Axis& axis : varied) {
    if (std::find(seen.begin(), seen.end(), axis.path) != seen.end()) {
      throw WrongUsage("--vary gives '" + axis.path + "' twice; name its values in one list");
    }
    seen.push_back(axis.path);
    const auto same = std::find_if(axes.begin(), axes.end(),
                                   [&](const Axis& other) { return other.path == axis.path; });
    if (same == axes.end()) {
      axes.push_back(axis);
    } else {
      *same = axis;
    }
  }
  return axes;
}

std::int64_t count_points(std::span<const Axis> axes) {
  std::int64_t points = 1;
  for (const Axis& axis : axes) {
    if (axis.values.empty()) {
      throw WrongUsage("the axis '" + axis.path + "' has no values");
    }
    const auto values = static_cast<std::int64_t>(axis.values.size());
    if (points > most_points / values) {
      throw WrongUsage("the sweep has more than " + std::to_string(most_points) +
                       " points; vary fewer paths or fewer values at once");
    }
    points *= values;
  }
  return points;
}

// The values of point `number`: its digits, the last axis being the lowest one.
std::vector<std::string> values_of_point(std::span<const Axis> axes, std::int64_t number) {
  std::vector<std::string> values(axes.size());
  for (std::size_t axis = axes.size(); axis-- > 0;) {
    const auto size = static_cast<std::int64_t>(axes[axis].values.size());
    values[axis] = axes[axis].values[static_cast<std::size_t>(number % size)];
    number /= size;
  }
  return values;
}

std::string padded(std::int64_t number, std::int64_t total) {
  const std::size_t width = std::max<std::size_t>(4, std::to_string(total - 1).size());
  std::string digits = std::to_string(number);
  return std::string(width - digits.size(), '0') + digits;
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

// Every problem of the points that cannot run, each once.
class Failures {
 public:
  void add(const BadInput& failure) {
    unreadable_ = unreadable_ || dynamic_cast<const UnreadableFile*>(&failure) != nullptr;
    for (const Diagnostic& diagnostic : failure.diagnostics()) {
      const std::string text = to_string(diagnostic);
      if (std::find(texts_.begin(), texts_.end(), text) == texts_.end()) {
        texts_.push_back(text);
        diagnostics_.push_back(diagnostic);
      }
    }
  }
  [[noreturn]] void raise() const {
    if (unreadable_) {
      throw UnreadableFile(diagnostics_);
    }
    throw BadInput(diagnostics_);
  }

 private:
  bool unreadable_ = false;
  std::vector<std::string> texts_;
  Diagnostics diagnostics_;
};

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

std::string settings_of(const SweepPlan& plan, const SweepPoint& point) {
  std::string settings;
  for (std::size_t axis = 0; axis < plan.axes.size(); ++axis) {
    settings += (axis == 0 ? "" : ", ") + plan.axes[axis].path + "=" + point.values[axis];
  }
  return settings;
}

SweepPlan plan_sweep(const ScenarioText& text, std::span<const Override> overrides,
                     std::span<const Axis> varied) {
  SweepPlan plan;
  plan.scenario_name = text.name();
  plan.scenario_text = text.text();
  plan.axes = merge_axes(text.sweep_axes(), varied);
  if (plan.axes.empty()) {
    throw WrongUsage("nothing to sweep: give --vary path=value,value or a 'sweep:' mapping in " +
                     text.name());
  }
  const std::int64_t total = count_points(plan.axes);

  std::vector<Override> fixed = series_switched_off(text);
  fixed.insert(fixed.end(), overrides.begin(), overrides.end());
  Failures failures;
  bool any_can_run = false;
  for (std::int64_t number = 0; number < total; ++number) {
    SweepPoint point{padded(number, total), values_of_point(plan.axes, number), {}, {}};
    std::vector<Override> settings = fixed;
    for (std::size_t axis = 0; axis < plan.axes.size(); ++axis) {
      settings.push_back({plan.axes[axis].path, point.values[axis]});
    }
    put_mappings_before_their_keys(settings);
    try {
      point.loaded = text.load(settings);
      any_can_run = true;
    } catch (const BadInput& failure) {
      point.reason = one_line(failure.what());
      failures.add(failure);
    }
    plan.points.push_back(std::move(point));
  }
  if (!any_can_run) {
    failures.raise();
  }
  return plan;
}

}  // namespace tessera
