// tessera explain: one step taken apart, without a run.

#include "tessera/cost/explain.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "sim/cli/explain_text.hpp"
#include "sim/cli/notes.hpp"
#include "sim/cli/options.hpp"
#include "sim/cli/scenario_options.hpp"
#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"
#include "tessera/config/load.hpp"
#include "tessera/core/diagnostic.hpp"
#include "tessera/model/shard.hpp"

namespace tessera {
namespace {

constexpr std::int64_t most_sequences = 1 << 20;
constexpr std::int64_t most_tokens = 1 << 28;
constexpr double most_pairs = 4e18;  // that 64 bits count
constexpr std::int64_t usual_tokens = 512;
constexpr std::int64_t most_devices = 1 << 16;

enum class Sides { asked, both };

// What --precision says: one format for all of it, or a mapping with or without its braces.
std::string precision_mapping(const std::string& text) {
  if (text.find('{') != std::string::npos) {
    return text;
  }
  if (text.find('=') == std::string::npos) {
    if (text != "fp32" && text != "fp16" && text != "bf16") {
      throw WrongUsage(
          "--precision is fp32, fp16 or bf16 for all numbers, or says which: "
          "'weights=int8,kv_cache=fp16,compute=fp16'; not '" +
          text + "'");
    }
    return "{weights: " + text + ", kv_cache: " + text + ", compute: " + text + "}";
  }
  std::string mapping = "{";
  for (const char letter : text) {
    mapping += letter == '=' ? ": " : letter == ',' ? ", " : std::string(1, letter);
  }
  return mapping + "}";
}

std::vector<Override> overrides_of(const GivenOptions& given) {
  std::vector<Override> overrides;
  if (given.positionals().empty()) {
    overrides.push_back({"precision", precision_mapping("fp16")});
  }
  const auto shortcut = [&](const char* option, const char* path) {
    if (const auto text = given.text(option)) {
      overrides.push_back({path, *text});
    }
  };
  if (const auto gpu = given.text("gpu")) {
    overrides.push_back({"hardware.gpu", gpu_value(*gpu)});
  }
  shortcut("model", "model");
  shortcut("overheads", "engine.overheads");
  if (const auto text = given.text("precision")) {
    overrides.push_back({"precision", precision_mapping(*text)});
  }
  shortcut("weights", "precision.weights");
  shortcut("kv", "precision.kv_cache");
  shortcut("compute", "precision.compute");
  for (const std::string& text : given.texts("set")) {
    overrides.push_back(parse_override(text));
  }
  return overrides;
}

LoadedScenario loaded_by(const GivenOptions& given) {
  const auto files = given.positionals();
  const ScenarioText text =
      files.empty() ? ScenarioText::built_in() : ScenarioText::read(files.front());
  return text.load_step(overrides_of(given));
}

// A cache that is copied whenever it grows, by the scenario's manager or as the engine does it.
CacheUse usual_cache(const Scenario& scenario) {
  if (scenario.model.kind == ModelKind::encoder) {
    return CacheUse::off;
  }
  return scenario.engine.overheads.concatenates ? CacheUse::concat : CacheUse::on;
}

StepQuestion question_of(const GivenOptions& given, const Scenario& scenario) {
  StepQuestion question;
  const ModelSpec& model = scenario.model;
  const bool encoder = model.kind == ModelKind::encoder;
  question.phase = named(given, "phase", encoder ? Phase::prefill : Phase::decode);
  question.batch = given.number("batch", 1, most_sequences).value_or(1);
  const auto fresh = given.number("new-tokens", 1, most_tokens);
  if (question.phase == Phase::decode) {
    if (encoder) {
      throw WrongUsage("'" + model.name + "' is an encoder and does not decode; --phase prefill");
    }
    if (fresh) {
      throw WrongUsage("--new-tokens are those of a prefill; a decode computes one a sequence");
    }
    question.context = Tokens{given.number("context", 1, most_tokens).value_or(usual_tokens)};
  } else {
    const auto past = given.number("context", 0, most_tokens);
    if (past && !fresh) {
      throw WrongUsage(
          "--context of a prefill is what the cache holds before it; give the tokens "
          "that it computes as --new-tokens");
    }
    question.context = Tokens{past.value_or(0)};
    question.new_tokens = Tokens{fresh.value_or(usual_tokens)};
  }
  question.kv_cache = named(given, "kv-cache", usual_cache(scenario));
  question.kv_format = scenario.precision.kv_cache;
  if (encoder && (question.kv_cache != CacheUse::off || question.context > Tokens{0})) {
    throw WrongUsage("'" + model.name + "' is an encoder and keeps no keys and values");
  }
  const double each = static_cast<double>((question.context + question.new_tokens).count());
  if (static_cast<double>(question.batch) * each * each > most_pairs) {
    throw WrongUsage(
        "so many sequences of so many tokens have more query-key pairs than 64 bits "
        "count");
  }
  return question;
}

// The place of the one rank that is explained, in a group of all of them.
RankPlace place_of(const GivenOptions& given, const Scenario& scenario) {
  const ShardDegrees degrees{
      given.number("tp", 1, most_devices).value_or(scenario.engine.parallel.tensor), 1};
  if (degrees.tensor == 1) {
    return {};
  }
  const auto reasons = why_not_shared(scenario.model, scenario.precision.weights, degrees);
  if (!reasons.empty()) {
    throw WrongUsage("--tp " + std::to_string(degrees.tensor) + ": " + reasons.front());
  }
  HardwareSpec hardware = scenario.hardware;
  hardware.count = std::max(hardware.count, degrees.tensor);
  const RankPlace place = place_of_stage(hardware, degrees, 0, 0, degrees.tensor);
  if (!(place.ranks.bytes_per_second > 0.0)) {
    throw WrongUsage("--tp: the bandwidth between the GPUs is not known; give hardware.link");
  }
  return place;
}

ExplainedStep explained(const Scenario& scenario, const RankPlace& place,
                        const StepQuestion& question, StepExtent extent) {
  const bool whole = extent == StepExtent::step;
  const ModelSpec model = whole ? scenario.model : one_layer(scenario.model);
  const auto cost = make_cost_model(scenario.cost, scenario.hardware.gpu, model, scenario.precision,
                                    place, scenario.engine.overheads);
  return {question,
          whole ? explain(*cost, question, model) : explain_layer(*cost, question, model)};
}

// The step, and, where both are wanted, the same without its KV cache. Without it a step has more
// tokens, which measured tables may not hold.
std::vector<ExplainedStep> explained_sides(const Scenario& scenario, const RankPlace& place,
                                           const StepQuestion& question, StepExtent extent,
                                           Sides sides) {
  std::vector<ExplainedStep> steps{explained(scenario, place, question, extent)};
  if (sides == Sides::both) {
    StepQuestion without = question;
    without.kv_cache = CacheUse::off;
    try {
      steps.push_back(explained(scenario, place, without, extent));
    } catch (const BadInput& unmeasured) {
      complain(std::string("without the KV cache: ") + unmeasured.what());
    }
  }
  return steps;
}

}  // namespace

VerbOptions explain_options() {
  VerbOptions options({
      .synopsis = "tessera explain [SCENARIO] [options]",
      .about =
          "Takes one step apart: FLOPs, bytes, arithmetic intensity, time and what bounds it, for "
          "each operation,\nwith the KV cache and without it (every token of every sequence "
          "computed "
          "again), and where the card's\nridge point lies. What no option says comes from the "
          "scenario; without one, from a T4, LLaMA-7B and fp16.\nNothing need fit: neither the "
          "card's memory nor the model's context limits what is explained.\nAs CSV: op, phase, "
          "flops, bytes, time_us, bound, layers; a row an operation, all its layers together.",
      .examples =
          "  tessera explain --gpu t4 --model llama-7b --phase decode --batch 8 --context 512\n"
          "  tessera explain --gpu t4 --model gpt2 --phase prefill --new-tokens 512 --format csv\n"
          "  tessera explain --model llama-7b --precision weights=int8 --batch 16 --kv-cache off\n"
          "  tessera explain scenarios/t4_llama7b_int8.yaml --phase decode --batch 8 --context 512 "
          "--layer\n",
  });
  options.value("gpu", "GPU", "--set hardware.gpu=GPU, or a preset's file: my_t4.yaml")
      .value("model", "MODEL", "--set model=MODEL")
      .value("overheads", "ENGINE", "--set engine.overheads=ENGINE")
      .value("precision", "FORMAT", "fp32, fp16 or bf16, or 'weights=int8,compute=fp16' (fp16)")
      .value("weights", "FORMAT", "--set precision.weights=FORMAT")
      .value("kv", "FORMAT", "--set precision.kv_cache=FORMAT")
      .value("compute", "FORMAT", "--set precision.compute=FORMAT")
      .repeatable("set", "PATH=VALUE", "change one value of the scenario (repeatable)")
      .value("phase", "PHASE", "prefill or decode (decode)")
      .value("batch", "N", "equal sequences (1)")
      .value("context", "N",
             "decode: tokens that each query reads, its own among them (512); "
             "prefill: tokens cached before (0)")
      .value("new-tokens", "N", "prefill: tokens that each sequence computes (512)")
      .value("tp", "N", "GPUs that share every layer: one rank is shown (the scenario's)")
      .flag("layer", "one layer alone")
      .value("kv-cache", "on|off|concat",
             "only with, or only without it, or copied by every decode (CSV: on; concat where the "
             "overheads say so)")
      .value("format", "FORMAT", "table, csv or json (table)");
  return options;
}

int explain_verb(const Invocation& invocation) {
  const auto given = explain_options().parse(invocation.arguments, {0, 1});
  if (!given) {
    return ExitStatus::done;
  }
  const auto format = named(*given, "format", OutputFormat::table);
  const LoadedScenario loaded = loaded_by(*given);
  const Scenario& scenario = loaded.scenario;
  const RankPlace place = place_of(*given, scenario);
  const StepQuestion question = question_of(*given, scenario);
  const StepExtent extent = given->has("layer") ? StepExtent::layer : StepExtent::step;
  const bool both = !given->has("kv-cache") && scenario.model.kind == ModelKind::decoder &&
                    format != OutputFormat::csv;
  const std::vector<ExplainedStep> steps =
      explained_sides(scenario, place, question, extent, both ? Sides::both : Sides::asked);
  if (format == OutputFormat::csv) {
    print(explained_csv(steps.front()));
  } else if (format == OutputFormat::json) {
    print(explained_json(scenario, steps));
  } else {
    print(explained_text(scenario, steps, extent));
  }
  print_notes(loaded.notes);
  return ExitStatus::done;
}

}  // namespace tessera
