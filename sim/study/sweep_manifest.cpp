#include "sim/study/sweep_manifest.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

#include "tessera/core/version.hpp"
#include "tessera/metrics/json_writer.hpp"

namespace tessera {

std::string sweep_manifest(const SweepPlan& plan, std::span<const SweepRow> rows,
                           const SweepExecution& execution, double wall_seconds) {
  JsonWriter json;
  json.string("program", "tessera");
  json.string("version", version());
  json.string("git_hash", git_hash());
  json.open_array("arguments");
  for (const std::string& argument : execution.origin.arguments) {
    json.element(argument);
  }
  json.close();
  json.open_object("axes");
  for (const Axis& axis : plan.axes) {
    json.open_array(axis.path);
    for (const std::string& value : axis.values) {
      json.element(value);
    }
    json.close();
  }
  json.close();
  const auto failed = std::count_if(rows.begin(), rows.end(), [](const SweepRow& row) {
    return row.status == PointStatus::failed;
  });
  json.integer("num_points", static_cast<std::int64_t>(rows.size()));
  json.integer("num_failed", failed);
  json.integer("threads", execution.threads);
  std::array<char, 64> wall{};
  std::snprintf(wall.data(), wall.size(), "%.3f", wall_seconds);
  json.value("wall_s", wall.data());
  return json.finish();
}

}  // namespace tessera
