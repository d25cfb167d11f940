#include "sim/study/sweep_manifest.hpp"

#include "tessera/core/version.hpp"
#include "tessera/metrics/json_writer.hpp"

namespace tessera {

std::string sweep_manifest(const SweepManifest& contents, const RunOrigin& origin,
                           const Stopwatch& stopwatch) {
  JsonWriter json;
  json.string("tessera_version", version());
  json.string("git_hash", git_hash());
  json.string("scenario_sha256", contents.scenario_sha256);
  json.open_array("argv");
  for (const std::string& argument : origin.arguments) {
    json.element(argument);
  }
  json.close();
  json.integer("num_points", contents.num_points);
  json.integer("num_failed", contents.num_failed);
  json.integer("num_workers", contents.num_workers);
  json.string("started_at", stopwatch.started_at());
  json.value("wall_time_s", stopwatch.seconds());
  return json.finish();
}

}  // namespace tessera
