#include "sim/config/problems.hpp"

#include <algorithm>
#include <tuple>

#include "tessera/core/closest.hpp"

namespace tessera {
namespace {

// Whether `path` is `ancestor` or lies below it.
bool is_within(std::string_view path, std::string_view ancestor) {
  return ancestor.empty() || path == ancestor ||
         (path.starts_with(ancestor) && path[ancestor.size()] == '.');
}

}  // namespace

void Problems::error(const Place& place, std::string_view path, std::string message) {
  diagnostics_.push_back({Severity::error, place, std::move(message)});
  paths_.emplace_back(path);
}

void Problems::note(const Place& place, std::string message) {
  diagnostics_.push_back({Severity::note, place, std::move(message)});
}

void Problems::pass_on(const Diagnostic& note) {
  diagnostics_.push_back(note);
}

void Problems::unreadable(const Place& place, std::string_view path, std::string message) {
  error(place, path, std::move(message));
  ++num_unreadable_;
}

bool Problems::sound(std::string_view path) const {
  return std::none_of(paths_.begin(), paths_.end(), [&](const std::string& bad) {
    return is_within(bad, path) || is_within(path, bad);
  });
}

void Problems::raise(const std::string& file) const {
  if (!any()) {
    return;
  }
  Diagnostics sorted = diagnostics_;
  std::stable_sort(sorted.begin(), sorted.end(), [&](const Diagnostic& a, const Diagnostic& b) {
    const auto key = [&](const Diagnostic& d) {
      const bool elsewhere = d.place.file != file;
      return std::tuple(elsewhere, elsewhere ? 0 : d.place.line, elsewhere ? 0 : d.place.column);
    };
    return key(a) < key(b);
  });
  if (num_unreadable_ == paths_.size()) {
    throw UnreadableFile(std::move(sorted));
  }
  throw BadInput(std::move(sorted));
}

std::string join_path(std::string_view parent, std::string_view key) {
  std::string path(parent);
  if (!path.empty()) {
    path += '.';
  }
  path += key;
  return path;
}

std::string called(std::string_view path) {
  return path.empty() ? "the scenario" : std::string(path);
}

std::string prefix(const Place& place, std::string_view path) {
  if (path.empty() || place.file.ends_with(" " + std::string(path))) {
    return "";
  }
  return std::string(path) + ": ";
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t longest = 80;
  std::string shown;
  for (const char c : text) {
    if (shown.size() >= longest && (static_cast<unsigned char>(c) & 0xC0U) != 0x80U) {
      shown += "...";
      break;
    }
    const bool control = static_cast<unsigned char>(c) < 0x20;
    shown += control ? ' ' : c;
  }
  return "'" + shown + "'";
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& names) {
  // A long word that is nobody's misspelling is not worth a table of distances.
  if (word.size() > 200) {
    return "";
  }
  const auto name = closest(word, names);
  return name ? "; did you mean '" + *name + "'?" : "";
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += (text.empty() ? "" : ", ") + name;
  }
  return text;
}

}  // namespace tessera
