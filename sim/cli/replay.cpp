// tessera replay: an allocation trace through a device allocator.

#include "tessera/memory/replay.hpp"

#include <iostream>

#include "sim/cli/options.hpp"
#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"
#include "tessera/config/load.hpp"

namespace tessera {
namespace {

AllocatorSpec named_allocator(const GivenOptions& given) {
  try {
    return parse_allocator(given.text("allocator").value_or("cuda_caching"));
  } catch (const BadAllocatorText& refusal) {
    throw WrongUsage(std::string("--allocator: ") + refusal.what());
  }
}

std::string ending_of(const ReplaySummary& summary) {
  return counted(summary.operations, "operation") + ", " + grouped(summary.refused) +
         " out of memory; at most " + human_bytes(summary.peak_allocated) + " allocated and " +
         human_bytes(summary.peak_reserved) + " reserved";
}

}  // namespace

VerbOptions replay_options() {
  VerbOptions options({
      .synopsis = "tessera replay TRACE [options]",
      .about = "Runs an allocation trace (CSV with op,id,size and, where it was recorded, addr; "
               "also .gz\nand .xz; - is the standard input) through a device allocator, and "
               "writes the allocator's\ncounters after every operation. 'tessera list allocators' "
               "names the allocators and\ntheir options.",
      .examples = "  tessera replay trace.csv --allocator cuda_caching\n"
                  "  tessera replay trace.csv.xz --allocator "
                  "cuda_caching,limit=2048MiB,garbage_collection_threshold=0.6\n",
  });
  options.value("allocator", "NAME[,option=value...]", "the allocator (cuda_caching)")
      .flag("quiet,q", "no summary on the standard error");
  return options;
}

int replay_verb(const Invocation& invocation) {
  const auto given = replay_options().parse(invocation.arguments, {1, 1});
  if (!given) {
    return ExitStatus::done;
  }
  const auto allocator = make_device_allocator(named_allocator(*given));
  const std::string trace = given->positionals().front();
  const ReplaySummary summary =
      trace == "-" ? replay_trace(std::cin, "standard input", *allocator, std::cout)
                   : replay_file(trace, *allocator, std::cout);
  std::cout.flush();
  if (!given->has("quiet")) {
    complain(ending_of(summary));
  }
  return std::cout ? ExitStatus::done : ExitStatus::output_failed;
}

}  // namespace tessera
