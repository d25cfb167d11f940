// The verbs of the program, one file each.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/cli/options.hpp"
#include "tessera/cli/program.hpp"

namespace tessera {

// What a verb is called with.
struct Invocation {
  std::vector<std::string> command_line;   // argv, as manifests keep it
  std::span<const std::string> arguments;  // those after the verb
  const SweepCrew* crew = nullptr;         // who runs the points of sweeps; null: threads
};

// The documented exit statuses (sysexits.h where it has them).
struct ExitStatus {
  static constexpr int done = 0;
  static constexpr int some_failed = 2;
  static constexpr int usage = 64;
  static constexpr int bad_input = 65;
  static constexpr int unreadable = 66;
  static constexpr int internal = 70;
  static constexpr int output_exists = 73;
  static constexpr int output_failed = 74;
};

// A verb's file gives its options and what runs it; verb_table.cpp lists them.
// Each `run` returns an exit status, or throws one of the exceptions that program.cpp translates.
struct Verb {
  std::string_view name;
  std::string_view summary;
  VerbOptions (*options)();
  int (*run)(const Invocation&);
};
[[nodiscard]] std::span<const Verb> all_verbs();

[[nodiscard]] VerbOptions run_options();
[[nodiscard]] int run_verb(const Invocation& invocation);
[[nodiscard]] VerbOptions sweep_options();
[[nodiscard]] int sweep_verb(const Invocation& invocation);
[[nodiscard]] VerbOptions merge_options();
[[nodiscard]] int merge_verb(const Invocation& invocation);
[[nodiscard]] VerbOptions capacity_options();
[[nodiscard]] int capacity_verb(const Invocation& invocation);
[[nodiscard]] VerbOptions report_options();
[[nodiscard]] int report_verb(const Invocation& invocation);
[[nodiscard]] VerbOptions validate_options();
[[nodiscard]] int validate_verb(const Invocation& invocation);
[[nodiscard]] VerbOptions memory_options();
[[nodiscard]] int memory_verb(const Invocation& invocation);
[[nodiscard]] VerbOptions explain_options();
[[nodiscard]] int explain_verb(const Invocation& invocation);
[[nodiscard]] VerbOptions replay_options();
[[nodiscard]] int replay_verb(const Invocation& invocation);
[[nodiscard]] VerbOptions calibrate_options();
[[nodiscard]] int calibrate_verb(const Invocation& invocation);
[[nodiscard]] VerbOptions list_options();
[[nodiscard]] int list_verb(const Invocation& invocation);
[[nodiscard]] VerbOptions schema_options();
[[nodiscard]] int schema_verb(const Invocation& invocation);

}  // namespace tessera
