// What the program says of itself, and the exit status that each kind of failure gets.
#include "tessera/cli/program.hpp"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <new>
#include <string_view>

#include "sim/cli/text.hpp"
#include "sim/cli/verbs.hpp"
#include "tessera/config/load.hpp"
#include "tessera/core/closest.hpp"
#include "tessera/core/contract.hpp"
#include "tessera/core/diagnostic.hpp"
#include "tessera/core/version.hpp"
#include "tessera/metrics/output_folder.hpp"

namespace tessera {
namespace {

void print_overview() {
  print(
      "tessera simulates one LLM serving node: its batches, its time, every byte of its "
      "memory.\n\n");
  print("Usage: tessera VERB [arguments]\n\nVerbs:\n");
  for (const Verb& verb : all_verbs()) {
    std::string line = "  " + std::string(verb.name);
    line.resize(12, ' ');
    print(line + std::string(verb.summary) + "\n");
  }
  print(
      "\nExamples:\n"
      "  tessera run --gpu t4 --model opt-2.7b --rate 2\n"
      "  tessera run scenarios/t4_llama7b_int8.yaml -o out/a\n"
      "  tessera sweep scenarios/t4_llama7b_int8.yaml --vary engine.policy.max_num_seqs=1,4,16,64\n"
      "\n'tessera VERB --help' explains a verb; 'tessera --version' says which build this is.\n");
}

const Verb& find_verb(const std::string& name) {
  std::vector<std::string> names;
  for (const Verb& verb : all_verbs()) {
    if (verb.name == name) {
      return verb;
    }
    names.emplace_back(verb.name);
  }
  if (name.starts_with('-')) {
    names = {"--help", "--version"};
  }
  std::string message =
      "unknown " + std::string(name.starts_with('-') ? "option" : "verb") + " '" + name + "'";
  if (const auto meant = closest(name, names)) {
    message += "; did you mean '" + *meant + "'?";
  } else {
    message += "; 'tessera --help' lists what there is";
  }
  throw WrongUsage(message);
}

int dispatch(const std::vector<std::string>& command_line, const SweepCrew* crew) {
  if (command_line.size() < 2 || command_line[1] == "--help" || command_line[1] == "-h") {
    print_overview();
    return ExitStatus::done;
  }
  if (command_line[1] == "--version") {
    print("tessera " + std::string(version()) + " (" + std::string(git_hash()) + ")\n");
    return ExitStatus::done;
  }
  const Verb& verb = find_verb(command_line[1]);
  return verb.run({command_line, std::span(command_line).subspan(2), crew});
}

int report(const BadInput& bad, int status) {
  for (const Diagnostic& diagnostic : bad.diagnostics()) {
    const std::string line = to_string(diagnostic) + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
  }
  return status;
}

int report(const std::string& message, int status) {
  complain("error: " + message);
  return status;
}

int dispatch_and_report(const std::vector<std::string>& command_line, const SweepCrew* crew) {
  try {
    return dispatch(command_line, crew);
  } catch (const WrongUsage& wrong) {
    return report(wrong.what(), ExitStatus::usage);
  } catch (const UnreadableFile& unreadable) {
    return report(unreadable, ExitStatus::unreadable);
  } catch (const BadInput& bad) {
    return report(bad, ExitStatus::bad_input);
  } catch (const OutputExists& exists) {
    return report(exists.what(), ExitStatus::output_exists);
  } catch (const OutputFailed& failed) {
    return report(failed.what(), ExitStatus::output_failed);
  } catch (const InvariantViolation& violation) {
    return report("internal error: it does not hold that " + std::string(violation.what()) +
                      "; this is a bug in tessera, not in your input",
                  ExitStatus::internal);
  } catch (const std::bad_alloc&) {
    return report("internal error: out of memory; fewer requests, threads or series need less",
                  ExitStatus::internal);
  } catch (const std::exception& unexpected) {
    return report("internal error: " + std::string(unexpected.what()) +
                      "; this is a bug in tessera, not in your input",
                  ExitStatus::internal);
  }
}

}  // namespace

int run_program(int argc, char** argv, const SweepCrew* crew) {
  // A file size limit then fails the write, which is reported, instead of killing the program.
  std::signal(SIGXFSZ, SIG_IGN);
  const std::vector<std::string> command_line(argv, argv + argc);
  const int status = dispatch_and_report(command_line, crew);
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    complain("error: cannot write to the standard output");
    return status == ExitStatus::done ? ExitStatus::output_failed : status;
  }
  return status;
}

}  // namespace tessera
