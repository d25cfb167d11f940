// What is wrong with somebody's input, and where. Readers collect every problem before they stop.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tessera {

enum class Severity { error, warning, note };

// A place in a file. Lines and columns count from 1; 0 means that the whole file, or the whole
// line, is meant. `file` may be "--set" or the like for text given on the command line.
struct Place {
  std::string file;
  std::int64_t line = 0;
  std::int64_t column = 0;
};

struct Diagnostic {
  Severity severity = Severity::error;
  Place place;
  std::string message;  // one sentence, with what to do where that is known
};

using Diagnostics = std::vector<Diagnostic>;

// "file:12:3: error: message", in the form that compilers use and editors understand.
[[nodiscard]] std::string to_string(const Diagnostic& diagnostic);

// Whether any of them is an error.
[[nodiscard]] bool has_errors(const Diagnostics& diagnostics);

// Input that cannot be used: what the readers throw once they have collected everything.
// The program prints the diagnostics and ends with status 65 (or 66 when a file cannot be read).
class BadInput : public std::exception {
 public:
  explicit BadInput(Diagnostics diagnostics);
  BadInput(Place place, std::string message);
  [[nodiscard]] const Diagnostics& diagnostics() const { return diagnostics_; }
  [[nodiscard]] const char* what() const noexcept override { return what_.c_str(); }

 private:
  Diagnostics diagnostics_;
  std::string what_;
};

// A file that is missing or cannot be read: exit status 66.
class UnreadableFile : public BadInput {
 public:
  using BadInput::BadInput;
};

}  // namespace tessera
