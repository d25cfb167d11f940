#include "sim/config/validate.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

#include "sim/config/files.hpp"
#include "sim/config/overrides.hpp"
#include "sim/config/rules.hpp"

namespace tessera {

void Rules::check_all() {
  check_contradictions();
  check_cost();
  check_parallel();
  check_engine();
  check_workload();
  check_memory();
  check_not_modelled();
}

void Rules::check_step() {
  check_contradictions();
  check_cost();
}

void Rules::fault(std::string_view path, std::string message) {
  const Place place = place_of(tree_, path);
  problems_.error(place, path, prefix(place, path) + std::move(message));
}

void Rules::note(std::string_view path, std::string message) {
  problems_.note(place_of(tree_, path), std::move(message));
}

bool Rules::sound(std::initializer_list<std::string_view> paths) const {
  return std::all_of(paths.begin(), paths.end(),
                     [&](std::string_view path) { return problems_.sound(path); });
}

void Rules::check_file(std::string_view path, const std::string& file) {
  const std::string resolved = file_in(scenario_.directory, file);
  if (!file.empty() && !is_readable(resolved)) {
    const Place place = place_of(tree_, path);
    problems_.unreadable(place, path, prefix(place, path) + "cannot read " + in_quotes(resolved));
  }
}

void Rules::check_contradictions() {
  if (sound({"hardware.gpu"})) {
    for (const std::string& why : contradictions(scenario_.hardware.gpu)) {
      fault("hardware.gpu", why);
    }
  }
  if (sound({"model"})) {
    for (const std::string& why : contradictions(scenario_.model)) {
      fault("model", why);
    }
  }
}

void Rules::check_not_modelled() {
  if (sound({"model"}) && scenario_.model.kind == ModelKind::encoder) {
    fault("model", "'" + scenario_.model.name +
                       "' is an encoder, and an encoder does not generate; take a decoder");
  }
}

void fill_in(Scenario& scenario) {
  WorkloadSpec& workload = scenario.workload;
  if (!scenario.engine.max_model_len) {
    scenario.engine.max_model_len = scenario.max_model_len();
  }
  if (std::holds_alternative<TraceArrivals>(workload.arrivals)) {
    return;
  }
  // A conversation ends before it outgrows the context.
  if (workload.conversations && !workload.max_total_tokens) {
    workload.max_total_tokens = scenario.engine.max_model_len;
  }
  if (!workload.prompt_tokens) {
    workload.prompt_tokens = FixedLength{};
  }
  if (!workload.output_tokens) {
    workload.output_tokens = FixedLength{};
  }
  const bool needs_an_end = std::holds_alternative<BurstArrivals>(workload.arrivals) ||
                            std::holds_alternative<ClosedLoopArrivals>(workload.arrivals);
  if (!workload.requests && !workload.duration && !needs_an_end) {
    workload.requests = 1000;
  }
}

void check_scenario(const Scenario& scenario, const Node& tree, Problems& problems) {
  Rules(scenario, tree, problems).check_all();
}

void check_step(const Scenario& scenario, const Node& tree, Problems& problems) {
  Rules(scenario, tree, problems).check_step();
}

}  // namespace tessera
