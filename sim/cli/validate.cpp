// tessera validate: every problem of a scenario, without running it.

#include <variant>

#include "sim/cli/answer.hpp"
#include "sim/cli/notes.hpp"
#include "sim/cli/scenario_options.hpp"
#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"
#include "tessera/engine/simulate.hpp"
#include "tessera/study/sweep_plan.hpp"

namespace tessera {
namespace {

std::string memory_line(const Scenario& scenario) {
  const auto planned = plan_memory(scenario);
  const auto* const plan = std::get_if<MemoryPlan>(&planned);
  if (plan == nullptr) {
    return "does not fit";
  }
  return human_bytes(plan->capacity) + ": weights " + human_bytes(plan->weights) + ", workspace " +
         human_bytes(plan->workspace) + ", driver " + human_bytes(plan->driver) + ", KV pool " +
         human_bytes(plan->pool) + " at " + human_bytes(lead_kv_bytes_per_token(scenario)) +
         " a token";
}

template <class Variant>
std::string name_of_kind(const Variant& spec) {
  return std::visit([](const auto& alternative) { return std::string(alternative.kind); }, spec);
}

std::string workload_line(const Scenario& scenario) {
  std::string line = name_of_kind(scenario.workload.arrivals) + " arrivals";
  if (scenario.workload.requests) {
    line += ", " + counted(*scenario.workload.requests, "request");
  }
  if (scenario.workload.duration) {
    line += ", for " + human_seconds(scenario.workload.duration->to_seconds());
  }
  return line + "; policy " + name_of_kind(scenario.engine.policy) + " over " +
         name_of_kind(scenario.engine.kv_cache) + " KV, cost " + name_of_kind(scenario.cost);
}

// Names every point that cannot run; how many these are.
std::int64_t report_bad_points(const SweepPlan& plan) {
  std::int64_t bad = 0;
  for (std::int64_t point = 0; point < plan.num_points; ++point) {
    try {
      (void)load_point(plan, point);
    } catch (const BadInput& failure) {
      ++bad;
      complain("error: sweep point " + point_id(plan, point) + " (" + point_settings(plan, point) +
               "): " + failure.what());
    }
  }
  return bad;
}

}  // namespace

VerbOptions validate_options() {
  VerbOptions options({
      .synopsis = "tessera validate SCENARIO [options]",
      .about = "Finds every problem of a scenario at once, as file:line:column: error: message, "
               "without running it.\nThe points of its 'sweep:' mapping are checked too.",
      .examples = "  tessera validate scenarios/t4_llama7b_int8.yaml\n"
                  "  tessera validate scenarios/t4_llama7b_int8.yaml --set hardware.gpu=l4\n",
  });
  add_scenario_options(options);
  return options;
}

int validate_verb(const Invocation& invocation) {
  const auto given = validate_options().parse(invocation.arguments, {1, 1});
  if (!given) {
    return ExitStatus::done;
  }
  const ScenarioText text = scenario_text(*given);
  const std::vector<Override> overrides = scenario_overrides(*given);
  const LoadedScenario loaded = text.load(overrides);
  std::string sweep_line;
  if (!loaded.sweep.empty()) {
    const SweepPlan plan = plan_sweep(text, overrides, {});
    if (report_bad_points(plan) > 0) {
      return ExitStatus::bad_input;
    }
    sweep_line = "  sweep     " + counted(plan.num_points, "point") + "\n";
  }
  print(text.name() + ": valid\n");
  print("  node      " + scenario_line(loaded.scenario) + "\n");
  print("  memory    " + memory_line(loaded.scenario) + "\n");
  print("  workload  " + workload_line(loaded.scenario) + "\n");
  print(sweep_line);
  print_notes(loaded.notes);
  return ExitStatus::done;
}

}  // namespace tessera
