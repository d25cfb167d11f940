#include "tessera/core/version.hpp"
#include "tessera/engine/simulate.hpp"
#include "tessera/metrics/json_writer.hpp"
#include "tessera/study/run.hpp"
#include "tessera/study/sha256.hpp"
#include "tessera/study/stopwatch.hpp"

namespace tessera {
namespace {

// How the run was simulated, which its results do not show.
std::string advance_of(const Scenario& scenario, const SourceTraits& source,
                       const Recorder& recorder) {
  const std::string why = why_step_by_step(scenario, source, recorder);
  return why.empty() ? "span" : "step: " + why;
}

std::string manifest(const Scenario& scenario, const std::string& yaml, const std::string& advance,
                     const RunOrigin& origin, const Stopwatch& stopwatch) {
  JsonWriter json;
  json.string("tessera_version", version());
  json.string("git_hash", git_hash());
  json.string("name", scenario.name);
  json.value("seed", std::to_string(scenario.seed));
  json.string("scenario_sha256", sha256(yaml));
  json.string("advance", advance);
  json.open_array("argv");
  for (const std::string& argument : origin.arguments) {
    json.element(argument);
  }
  json.close();
  json.string("started_at", stopwatch.started_at());
  json.value("wall_time_s", stopwatch.seconds());
  return json.finish();
}

}  // namespace

RunResult run_scenario(const LoadedScenario& loaded, const OutputFolder* folder,
                       const RunOrigin& origin) {
  const Stopwatch stopwatch;
  const Scenario& scenario = loaded.scenario;
  RunRecorder recorder(scenario, folder);
  RunResult result;
  const auto source =
      make_request_source(scenario.workload, scenario.seed, scenario.directory, result.notes);
  simulate(scenario, *source, recorder);
  result.summary = recorder.summary();
  result.node = recorder.node();
  result.notes.insert(result.notes.end(), recorder.notes().begin(), recorder.notes().end());
  if (folder != nullptr) {
    const std::string yaml = resolved_yaml(scenario);
    folder->write("summary.csv", recorder.summary_csv());
    folder->write("summary.json", recorder.summary_json());
    folder->write("scenario.resolved.yaml", yaml);
    folder->write("manifest.json",
                  manifest(scenario, yaml, advance_of(scenario, source->traits(), recorder), origin,
                           stopwatch));
  }
  return result;
}

}  // namespace tessera
