#include "sim/study/sweep_manifest.hpp"

#include <algorithm>

#include "tessera/core/version.hpp"
#include "tessera/metrics/json_writer.hpp"
#include "tessera/study/sha256.hpp"

namespace tessera {

std::string sweep_manifest(const SweepPlan& plan, std::span<const SweepRow> rows,
                           const SweepExecution& execution, const Stopwatch& stopwatch) {
  JsonWriter json;
  json.string("tessera_version", version());
  json.string("git_hash", git_hash());
  json.string("scenario", plan.scenario_name);
  json.string("scenario_sha256", sha256(plan.scenario_text));
  json.open_array("argv");
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
  json.integer("num_points", static_cast<std::int64_t>(rows.size()));
  json.integer("num_failed", std::count_if(rows.begin(), rows.end(), [](const SweepRow& row) {
                 return row.status == PointStatus::failed;
               }));
  json.integer("threads", execution.threads);
  json.string("started_at", stopwatch.started_at());
  json.value("wall_time_s", stopwatch.seconds());
  return json.finish();
}

}  // namespace tessera
