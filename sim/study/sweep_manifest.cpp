#include "sim/study/sweep_manifest.hpp"

#include "tessera/core/version.hpp"
#include "tessera/metrics/json_writer.hpp"
#include "tessera/study/manifest.hpp"

namespace tessera {

namespace {

void write_origin(JsonWriter& json, const RunOrigin& origin) {
  json.open_array("argv");
  for (const std::string& argument : origin.arguments) {
    json.element(argument);
  }
  json.close();
}

void write_times(JsonWriter& json, const Stopwatch& stopwatch) {
  json.string("started_at", stopwatch.started_at());
  json.value("wall_time_s", stopwatch.seconds());
}

void write_build(JsonWriter& json) {
  json.string("tessera_version", version());
  json.string("git_hash", git_hash());
}

}  // namespace

std::string study_manifest(const RunOrigin& origin, const Stopwatch& stopwatch) {
  JsonWriter json;
  write_build(json);
  write_origin(json, origin);
  write_times(json, stopwatch);
  return json.finish();
}

std::string sweep_manifest(const SweepManifest& contents, const RunOrigin& origin,
                           const Stopwatch& stopwatch) {
  JsonWriter json;
  write_build(json);
  json.string("scenario_sha256", contents.scenario_sha256);
  write_origin(json, origin);
  json.integer("num_points", contents.num_points);
  json.integer("num_failed", contents.num_failed);
  json.integer("num_workers", contents.num_workers);
  write_times(json, stopwatch);
  return json.finish();
}

}  // namespace tessera
