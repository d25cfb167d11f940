// tessera help: what the program can do, or what one verb does.

#include "sim/cli/options.hpp"
#include "sim/cli/overview.hpp"
#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"

namespace tessera {

VerbOptions help_options() {
  return VerbOptions({
      .synopsis = "tessera help [VERB]",
      .about = "Says what the program can do, or what one verb does: 'tessera help run' is "
               "'tessera run --help'.",
      .examples = "  tessera help\n  tessera help sweep\n",
  });
}

int help_verb(const Invocation& invocation) {
  const auto given = help_options().parse(invocation.arguments, {0, 1});
  if (!given) {
    return ExitStatus::done;
  }
  const std::vector<std::string> wanted = given->positionals();
  print(wanted.empty() ? overview() : find_verb(wanted.front()).options().help_text());
  return ExitStatus::done;
}

}  // namespace tessera
