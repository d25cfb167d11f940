// tessera run: one scenario, its answer, its files.

#include "tessera/study/run.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "sim/cli/answer.hpp"
#include "sim/cli/generation_table.hpp"
#include "sim/cli/interruption.hpp"
#include "sim/cli/metric_text.hpp"
#include "sim/cli/notes.hpp"
#include "sim/cli/output_options.hpp"
#include "sim/cli/scenario_options.hpp"
#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"
#include "tessera/study/band.hpp"

namespace tessera {

namespace {

// "10%": a share above 0 and below 1.
std::optional<double> band_of(const GivenOptions& given) {
  const auto text = given.text("band");
  if (!text) {
    return std::nullopt;
  }
  double number = 0.0;
  const std::size_t digits = text->find_first_of(" %");
  const char* const end = text->data() + std::min(digits, text->size());
  const auto [stop, error] = std::from_chars(text->data(), end, number);
  const bool has_unit = digits != std::string::npos && text->back() == '%';
  if (error != std::errc{} || stop != end || !has_unit || !(number > 0.0 && number < 100.0)) {
    throw WrongUsage("--band is a percentage above 0 and below 100, like 10%, not '" + *text + "'");
  }
  return number / 100.0;
}

std::vector<BandRow> band_rows(const LoadedScenario& loaded, const Summary& summary,
                               std::optional<double> band) {
  if (!band) {
    return {};
  }
  if (!std::holds_alternative<RooflineCostSpec>(loaded.scenario.cost)) {
    throw WrongUsage("--band varies the GPU's constants, which only 'cost: {kind: roofline}' uses");
  }
  return run_band(loaded, summary, *band);
}

// The numbers that move.
std::string band_table(const std::vector<BandRow>& rows) {
  Table table;
  table.column("with the GPU's constants at both ends", Align::left);
  table.column("low", Align::right);
  table.column("value", Align::right);
  table.column("high", Align::right);
  for (const BandRow& row : rows) {
    if (row.low != row.high) {
      const auto text = [&](const std::string& number) { return metric_text(row.column, number); };
      table.row({row.column, text(row.low), text(row.value), text(row.high)});
    }
  }
  return table.text();
}

}  // namespace

VerbOptions run_options() {
  VerbOptions options({
      .synopsis = "tessera run [SCENARIO] [options]",
      .about = "Simulates a scenario: what the memory buys, then throughput, latencies, waste, and "
               "what bound them.\nWithout SCENARIO it refines the built-in one; without -o nothing "
               "is written.",
      .examples =
          "  tessera run scenarios/t4_llama7b_int8.yaml -o out/a\n"
          "  tessera run scenarios/t4_llama7b_int8.yaml --set engine.policy.max_num_seqs=16\n"
          "  tessera run --gpu t4 --model opt-2.7b --rate 2 --requests 500\n"
          "  tessera run --set 'engine.kv_cache={kind: contiguous, reserve: max}'\n",
  });
  add_scenario_options(options);
  add_output_options(options);
  options.value(
      "band", "PERCENT",
      "run again with the GPU's constants so much lower and higher, and give every number "
      "of the\nsummary a low and a high (band.csv with -o)");
  return options;
}

int run_verb(const Invocation& invocation) {
  const auto given = run_options().parse(invocation.arguments, {0, 1});
  if (!given) {
    return ExitStatus::done;
  }
  const LoadedScenario loaded = scenario_text(*given).load(scenario_overrides(*given));
  const RunOrigin origin{invocation.command_line};
  const auto band = band_of(*given);
  RunResult result;
  std::vector<BandRow> banded;
  if (const auto output = output_folder(*given)) {
    const Interruption interruption(output->staging());
    result = run_scenario(loaded, output.get(), origin);
    banded = band_rows(loaded, result.summary, band);
    if (band) {
      output->write("band.csv", band_csv(banded));
    }
    output->commit();
  } else {
    result = run_scenario(loaded, nullptr, origin);
    banded = band_rows(loaded, result.summary, band);
  }
  print(memory_opening(loaded.scenario, result.node));
  if (!result.generation.empty()) {
    print("\n" + generation_table(result.generation));
  }
  print("\n" + run_answer(result.summary));
  if (band) {
    print("\n" + band_table(banded));
  }
  if (const auto folder = given->text("output")) {
    print("\nThe files are in " + *folder + "\n");
  }
  if (!given->has("quiet")) {
    print_notes(loaded.notes);
    print_notes(result.notes);
  }
  return ExitStatus::done;
}

}  // namespace tessera
