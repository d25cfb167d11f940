// Collects what is wrong with a scenario, so that everything can be said at once.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/diagnostic.hpp"

namespace tessera {

class Problems {
 public:
  // `path` is the key that is at fault ("engine.policy"; empty: the whole scenario). It is not part
  // of the message; rules that need what cannot be trusted ask sound().
  void error(const Place& place, std::string_view path, std::string message);
  void note(const Place& place, std::string message);
  // A note or a warning of somebody else's.
  void pass_on(const Diagnostic& note);
  // A file that the scenario names and that cannot be read.
  void unreadable(const Place& place, std::string_view path, std::string message);

  [[nodiscard]] bool any() const { return !paths_.empty(); }
  // Whether nothing at, above or below `path` is at fault.
  [[nodiscard]] bool sound(std::string_view path) const;
  [[nodiscard]] const Diagnostics& all() const { return diagnostics_; }

  // Throws everything, in order of place, when there is an error: UnreadableFile when files that
  // cannot be read are all that is wrong, else BadInput. `file` comes first, its whole-file
  // problems before its lines.
  void raise(const std::string& file) const;

 private:
  Diagnostics diagnostics_;
  std::vector<std::string> paths_;  // of the errors
  std::size_t num_unreadable_ = 0;
};

// "engine" + "policy" → "engine.policy".
[[nodiscard]] std::string join_path(std::string_view parent, std::string_view key);
// How a message calls a path: itself, or "the scenario".
[[nodiscard]] std::string called(std::string_view path);
// "engine.policy: " where the message's place does not name the path already.
[[nodiscard]] std::string prefix(const Place& place, std::string_view path);
// Text of the user's in single quotes, shortened where it is long.
[[nodiscard]] std::string in_quotes(std::string_view text);
// "; did you mean 'paged'?" or nothing.
[[nodiscard]] std::string did_you_mean(std::string_view word,
                                       const std::vector<std::string>& names);
// "a, b, c".
[[nodiscard]] std::string listed(const std::vector<std::string>& names);

}  // namespace tessera
