#include "tessera/core/diagnostic.hpp"

#include <algorithm>

namespace tessera {
namespace {

const char* word_for(Severity severity) {
  switch (severity) {
    case Severity::error:
      return "error";
    case Severity::warning:
      return "warning";
    case Severity::note:
      return "note";
  }
  return "error";
}

}  // namespace

std::string to_string(const Diagnostic& diagnostic) {
  std::string text = diagnostic.place.file;
  if (diagnostic.place.line > 0) {
    text += ":" + std::to_string(diagnostic.place.line);
  }
  if (diagnostic.place.column > 0) {
    text += ":" + std::to_string(diagnostic.place.column);
  }
  if (!text.empty()) {
    text += ": ";
  }
  return text + word_for(diagnostic.severity) + ": " + diagnostic.message;
}

bool has_errors(const Diagnostics& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(),
                     [](const Diagnostic& d) { return d.severity == Severity::error; });
}

BadInput::BadInput(Diagnostics diagnostics) : diagnostics_(std::move(diagnostics)) {
  for (const Diagnostic& diagnostic : diagnostics_) {
    what_ += (what_.empty() ? "" : "\n") + to_string(diagnostic);
  }
}

BadInput::BadInput(Place place, std::string message)
    : BadInput(Diagnostics{{Severity::error, std::move(place), std::move(message)}}) {}

}  // namespace tessera
