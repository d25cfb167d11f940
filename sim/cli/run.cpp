// tessera run: one scenario, its answer, its files.

#include "tessera/study/run.hpp"

#include "sim/cli/answer.hpp"
#include "sim/cli/generation_table.hpp"
#include "sim/cli/interruption.hpp"
#include "sim/cli/notes.hpp"
#include "sim/cli/output_options.hpp"
#include "sim/cli/scenario_options.hpp"
#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"

namespace tessera {

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
  return options;
}

int run_verb(const Invocation& invocation) {
  const auto given = run_options().parse(invocation.arguments, {0, 1});
  if (!given) {
    return ExitStatus::done;
  }
  const LoadedScenario loaded = scenario_text(*given).load(scenario_overrides(*given));
  const RunOrigin origin{invocation.command_line};
  RunResult result;
  if (const auto output = output_folder(*given)) {
    const Interruption interruption(output->staging());
    result = run_scenario(loaded, output.get(), origin);
    output->commit();
  } else {
    result = run_scenario(loaded, nullptr, origin);
  }
  print(memory_opening(loaded.scenario, result.node));
  if (!result.generation.empty()) {
    print("\n" + generation_table(result.generation));
  }
  print("\n" + run_answer(result.summary));
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
