// The verbs of the program, one file each.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace tessera {

// What a verb is called with.
struct Invocation {
  std::vector<std::string> command_line;   // argv, as manifests keep it
  std::span<const std::string> arguments;  // those after the verb
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

// Each returns an exit status, or throws one of the exceptions that program.cpp translates.
[[nodiscard]] int run_verb(const Invocation& invocation);
[[nodiscard]] int validate_verb(const Invocation& invocation);
[[nodiscard]] int sweep_verb(const Invocation& invocation);
[[nodiscard]] int report_verb(const Invocation& invocation);
[[nodiscard]] int memory_verb(const Invocation& invocation);
[[nodiscard]] int replay_verb(const Invocation& invocation);
[[nodiscard]] int list_verb(const Invocation& invocation);
[[nodiscard]] int schema_verb(const Invocation& invocation);

}  // namespace tessera
