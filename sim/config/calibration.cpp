#include "tessera/config/calibration.hpp"

#include <fstream>
#include <sstream>

#include "sim/config/conform.hpp"
#include "sim/config/emit.hpp"
#include "sim/config/files.hpp"
#include "sim/config/reader.hpp"
#include "sim/config/shape.hpp"
#include "sim/config/to_node.hpp"

namespace tessera {
namespace {

constexpr std::size_t line_width = 98;

std::string text_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!is_readable(path) || !(text << file.rdbuf())) {
    throw UnreadableFile(Place{path, 0, 0}, "cannot read this file");
  }
  return text.str();
}

// Text as comment lines, broken at blanks; its own line ends stay.
std::string commented(const std::string& text) {
  std::string out;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::size_t begin = 0;
    do {
      std::size_t length = line.size() - begin;
      if (length > line_width) {
        const std::size_t blank = line.rfind(' ', begin + line_width);
        length = blank == std::string::npos || blank <= begin ? length : blank - begin;
      }
      out += (length == 0 ? "#" : "# ") + line.substr(begin, length) + "\n";
      begin += length + 1;
    } while (begin < line.size());
  }
  return out;
}

// Takes out of a mapping what the reader takes for granted.
void prune(Node& mapping, const Node& defaults) {
  for (Entry& entry : mapping.entries) {
    const Entry* otherwise = defaults.find(entry.key);
    if (otherwise != nullptr && entry.value.is(NodeKind::mapping)) {
      prune(entry.value, otherwise->value);
    }
  }
  std::erase_if(mapping.entries, [&](const Entry& entry) {
    const Entry* otherwise = defaults.find(entry.key);
    const bool empty = entry.value.is(NodeKind::mapping) && entry.value.entries.empty();
    return empty || (otherwise != nullptr && !entry.value.is(NodeKind::mapping) &&
                     to_flow_text(entry.value) == to_flow_text(otherwise->value));
  });
}

}  // namespace

CalibrationSettings read_calibration_settings(const std::string& path) {
  Problems problems;
  Node root = parse_document(text_of_file(path), path, problems);
  expand_shorthands(root, calibration_shape());
  check_structure(root, calibration_shape(), "", problems);
  CalibrationSettings settings;
  if (!problems.any()) {
    (void)read_node(root, settings, "", {problems, path});
  }
  if (!problems.any()) {
    for (const std::string& why : contradictions(settings.gpu)) {
      problems.error(Place{path, 0, 0}, "gpu", why);
    }
  }
  problems.raise(path);
  return settings;
}

std::string gpu_preset_text(const GpuSpec& gpu, const std::string& head) {
  Node text = to_node(gpu);
  prune(text, to_node(GpuSpec{}));
  return commented(head) + to_yaml(text);
}

}  // namespace tessera
