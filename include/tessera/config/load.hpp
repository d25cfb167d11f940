// From YAML to a validated Scenario: the only room that knows YAML.
#pragma once

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/diagnostic.hpp"
#include "tessera/engine/scenario.hpp"

namespace tessera {

// One `--set path=value`: the value is YAML text, and may be a mapping.
struct Override {
  std::string path;                // "engine.policy.max_num_seqs"
  std::string value;               // "16", "{kind: paged, block_size: 32}"
  std::string given_by = "--set";  // what messages call it
};

// One axis of a sweep: a path and the values that it takes, each as YAML text.
struct Axis {
  std::string path;
  std::vector<std::string> values;
};

// What varies by itself in a sweep: one axis, or several zipped ones, which take their values side
// by side and so have equally many.
struct AxisGroup {
  std::vector<Axis> axes;
};

// A path or an option that does not exist: exit status 64.
class WrongUsage : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// "path=value" of --set. Throws WrongUsage when there is no '=' or no such path in a scenario.
[[nodiscard]] Override parse_override(std::string_view text);
// "path=v1,v2,…" of --vary, split at commas outside brackets, braces and quotes. Throws as above.
[[nodiscard]] Axis parse_axis(std::string_view text);
// "path=v1,v2;path=w1,w2" of --zip: axes as those of --vary, split at semicolons outside brackets,
// braces and quotes. Throws as above, and where they have not equally many values.
[[nodiscard]] AxisGroup parse_zip(std::string_view text);

struct LoadedScenario {
  Scenario scenario;
  std::vector<AxisGroup> sweep;  // of the file's `sweep:` mapping, in its order
  Diagnostics notes;  // what the user should hear: keys set aside by a `kind`, and the like
};

// The text of a scenario, from which sweeps derive their points.
class ScenarioText {
 public:
  // Throws UnreadableFile.
  [[nodiscard]] static ScenarioText read(const std::string& path);
  // The scenario behind `tessera run` without a file: embedded from scenarios/presets/default.yaml.
  [[nodiscard]] static ScenarioText built_in();
  // `name` is what diagnostics call the text; `directory` is where its relative file names start.
  ScenarioText(std::string text, std::string name, std::string directory);

  // Applies the overrides in order, validates everything, and returns the scenario. A problem in an
  // override is reported at its option ("--set engine.policy.max_num_seqs: error: …").
  // Throws BadInput with every problem at once. Thread-safe.
  [[nodiscard]] LoadedScenario load(std::span<const Override> overrides) const;

  // The same for a question about one step, which needs no memory plan and no workload: beside each
  // value by itself only the GPU, the model and the precision are checked. The scenario need not
  // fit the card, nor its model's context. Throws BadInput.
  [[nodiscard]] LoadedScenario load_step(std::span<const Override> overrides) const;

  // Whether the text itself gives a value at `path` ("output.memory"), be it null.
  [[nodiscard]] bool mentions(std::string_view path) const;

  // The axes of the `sweep:` mapping, whatever else the text holds: a point may be sound where the
  // bare scenario is not. Throws BadInput, with every problem of the text, where the axes
  // themselves cannot be understood.
  [[nodiscard]] std::vector<AxisGroup> sweep_axes() const;

  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  enum class Purpose { run, step };
  [[nodiscard]] LoadedScenario load_for(Purpose purpose, std::span<const Override> overrides) const;

  std::string text_;
  std::string name_;
  std::string directory_;
};

// The scenario with every default written out; loading it again gives an equal scenario.
[[nodiscard]] std::string resolved_yaml(const Scenario& scenario);

// JSON Schema (draft 2020-12) of a scenario file.
[[nodiscard]] std::string scenario_schema();

// One preset or kind that a scenario may name.
struct Listing {
  std::string name;
  std::string summary;  // one line with the figures that matter
};
[[nodiscard]] std::vector<Listing> list_gpus();
[[nodiscard]] std::vector<Listing> list_nodes();
[[nodiscard]] std::vector<Listing> list_models();
[[nodiscard]] std::vector<Listing> list_overheads();
[[nodiscard]] std::vector<Listing> list_policies();
[[nodiscard]] std::vector<Listing> list_kv_managers();
[[nodiscard]] std::vector<Listing> list_allocators();
[[nodiscard]] std::vector<Listing> list_trace_formats();

// A preset by its name (aliases too). Throws WrongUsage with a suggestion.
[[nodiscard]] GpuSpec gpu_preset(std::string_view name);
[[nodiscard]] HardwareSpec node_preset(std::string_view name);
[[nodiscard]] ModelSpec model_preset(std::string_view name);
[[nodiscard]] EngineOverheads overheads_preset(std::string_view name);

}  // namespace tessera
