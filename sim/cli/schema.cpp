// tessera schema: the JSON Schema of a scenario.

#include "sim/cli/options.hpp"
#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"
#include "tessera/config/load.hpp"

namespace tessera {

VerbOptions schema_options() {
  return VerbOptions({
      .synopsis = "tessera schema",
      .about = "Prints the JSON Schema (draft 2020-12) of scenarios. An editor that knows it "
               "completes keys\nand marks mistakes: name it in a scenario's first line,\n"
               "  # yaml-language-server: $schema=scenario.schema.json",
      .examples = "  tessera schema > scenario.schema.json\n",
  });
}

int schema_verb(const Invocation& invocation) {
  if (!schema_options().parse(invocation.arguments, {0, 0})) {
    return ExitStatus::done;
  }
  std::string text = scenario_schema();
  if (!text.ends_with('\n')) {
    text += '\n';
  }
  print(text);
  return ExitStatus::done;
}

}  // namespace tessera
