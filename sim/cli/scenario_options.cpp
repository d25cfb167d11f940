#include "sim/cli/scenario_options.hpp"

#include <array>
#include <fstream>
#include <sstream>

namespace tessera {
namespace {

// An option that is a shorter way to write a --set.
struct Shortcut {
  const char* name;
  const char* path;
};

constexpr std::array<Shortcut, 7> shortcuts{{
    {"gpu", "hardware.gpu"},
    {"model", "model"},
    {"policy", "engine.policy.kind"},
    {"kv-cache", "engine.kv_cache.kind"},
    {"rate", "workload.arrivals.rate"},
    {"requests", "workload.requests"},
    {"seed", "seed"},
}};

// A bare number of --rate is a number of requests a second.
std::string value_of(const std::string& name, std::string value) {
  if (name == "gpu") {
    return gpu_value(value);
  }
  if (name == "rate" && !value.empty() &&
      value.find_first_not_of("+-.0123456789eE") == std::string::npos) {
    value += " /s";
  }
  return value;
}

}  // namespace

void add_scenario_options(VerbOptions& options) {
  options.repeatable("set", "PATH=VALUE", "change one value of the scenario (repeatable)")
      .value("gpu", "GPU", "--set hardware.gpu=GPU, or a preset's file: my_t4.yaml")
      .value("model", "MODEL", "--set model=MODEL")
      .value("policy", "KIND", "--set engine.policy.kind=KIND")
      .value("kv-cache", "KIND", "--set engine.kv_cache.kind=KIND")
      .value("rate", "RATE", "--set workload.arrivals.rate=RATE, in requests a second")
      .value("requests", "N", "--set workload.requests=N")
      .value("seed", "N", "--set seed=N");
}

std::string gpu_value(const std::string& named) {
  if (!named.ends_with(".yaml") && !named.ends_with(".yml")) {
    return named;
  }
  std::ifstream file(named, std::ios::binary);
  if (!file) {
    throw UnreadableFile(Place{named, 0, 0}, "cannot read this file");
  }
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

ScenarioText scenario_text(const GivenOptions& given) {
  const std::vector<std::string> files = given.positionals();
  return files.empty() ? ScenarioText::built_in() : ScenarioText::read(files.front());
}

std::vector<Override> scenario_overrides(const GivenOptions& given) {
  std::vector<Override> overrides;
  for (const Shortcut& shortcut : shortcuts) {
    if (const auto value = given.text(shortcut.name)) {
      overrides.push_back({shortcut.path, value_of(shortcut.name, *value)});
    }
  }
  for (const std::string& text : given.texts("set")) {
    overrides.push_back(parse_override(text));
  }
  return overrides;
}

}  // namespace tessera
