// The table of verbs. A new verb: its file, its two declarations in verbs.hpp, its line here; help,
// completion and the manual page follow from its options.

#include <array>

#include "sim/cli/verbs.hpp"

namespace tessera {
namespace {

constexpr std::array<Verb, 12> verbs{{
    {"run", "simulate one scenario", run_options, run_verb},
    {"sweep", "simulate every combination of some values", sweep_options, sweep_verb},
    {"merge", "one table from the shards of a sweep", merge_options, merge_verb},
    {"capacity", "the highest load, or the cheapest setting, that meets an SLO", capacity_options,
     capacity_verb},
    {"report", "one HTML page about a run or a sweep", report_options, report_verb},
    {"validate", "find every problem of a scenario without running it", validate_options,
     validate_verb},
    {"memory", "what parameters, KV cache and training take, by formula", memory_options,
     memory_verb},
    {"explain", "FLOPs, bytes and time of each operation of one step", explain_options,
     explain_verb},
    {"replay", "run an allocation trace through a device allocator", replay_options, replay_verb},
    {"calibrate", "fit a GPU's constants to measurements", calibrate_options, calibrate_verb},
    {"list", "name the presets and kinds that a scenario may use", list_options, list_verb},
    {"schema", "print the JSON Schema of scenarios, for editors", schema_options, schema_verb},
}};

}  // namespace

std::span<const Verb> all_verbs() {
  return verbs;
}

}  // namespace tessera
