// Which runs a sweep consists of. Nothing is loaded before it is needed: a plan of a million points
// is as small as one of ten.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "tessera/config/load.hpp"

namespace tessera {

// Every `count`-th point, from point `number` - 1 on.
struct SweepShard {
  std::int64_t number = 1;
  std::int64_t count = 1;
  [[nodiscard]] bool is_whole() const { return count == 1; }
};

// "3/16". Throws WrongUsage.
[[nodiscard]] SweepShard parse_shard(std::string_view text);

struct SweepPlan {
  ScenarioText text{"", "", ""};
  std::vector<Override> fixed;    // what every point has
  std::vector<AxisGroup> groups;  // row-major: the last one changes fastest
  std::int64_t num_points = 0;
};

// The axes are those of the text's `sweep:` mapping and, after them, `varied`; a varied group takes
// the place of the text's axes of its paths. The series (memory.csv, timeseries.csv) are off unless
// the text or an override asks for them.
// Throws WrongUsage when there is no axis, one is given twice or the grid is unreasonably large,
// and BadInput when the text's axes cannot be understood.
[[nodiscard]] SweepPlan plan_sweep(const ScenarioText& text, std::span<const Override> overrides,
                                   std::span<const AxisGroup> varied);

// As plan_sweep(), but without any axis there is one point: the scenario itself.
[[nodiscard]] SweepPlan plan_settings(const ScenarioText& text, std::span<const Override> overrides,
                                      std::span<const AxisGroup> varied);

[[nodiscard]] std::vector<std::string> axis_paths(const SweepPlan& plan);

// Of point `point`, from 0 on: its number in row order, which names its folder ("0000").
[[nodiscard]] std::string point_id(const SweepPlan& plan, std::int64_t point);
// The values that the axes take, as YAML text, in the order of axis_paths().
[[nodiscard]] std::vector<std::string> point_values(const SweepPlan& plan, std::int64_t point);
// "engine.policy.max_num_seqs=4, seed=7"
[[nodiscard]] std::string point_settings(const SweepPlan& plan, std::int64_t point);
// Throws BadInput with every problem of the point. Thread-safe.
[[nodiscard]] LoadedScenario load_point(const SweepPlan& plan, std::int64_t point);

// The points of a shard, in their order.
[[nodiscard]] std::vector<std::int64_t> points_of(const SweepPlan& plan, SweepShard shard);

}  // namespace tessera
