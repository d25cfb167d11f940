#include "sim/config/emit.hpp"

#include <algorithm>
#include <array>
#include <cctype>

namespace tessera {
namespace {

constexpr std::size_t line_width = 100;

std::string quoted_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c == '\r') {
      out += "\\r";
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string scalar_text(const Node& node) {
  return node.quoted ? quoted_text(node.text) : node.text;
}

bool is_flat(const Node& node) {
  return std::all_of(node.entries.begin(), node.entries.end(), [](const Entry& entry) {
    return entry.value.is(NodeKind::scalar) || entry.value.is(NodeKind::null);
  });
}

void append_mapping(std::string& out, const Node& mapping, std::size_t indent) {
  for (const Entry& entry : mapping.entries) {
    std::string line(indent, ' ');
    line += entry.key + ":";
    const Node& value = entry.value;
    if (value.is(NodeKind::mapping) && !value.entries.empty()) {
      const std::string flow = to_flow_text(value);
      if (!is_flat(value) || line.size() + 1 + flow.size() > line_width) {
        out += line + "\n";
        append_mapping(out, value, indent + 2);
        continue;
      }
    }
    out += line + " " + to_flow_text(value) + "\n";
  }
}

}  // namespace

bool needs_quotes(std::string_view text) {
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  };
  const auto is_plain = [&](char c) {
    return is_word(c) || c == '-' || c == '.' || c == '/' || c == ' ';
  };
  if (text.empty() || text.back() == ' ' || !std::all_of(text.begin(), text.end(), is_plain)) {
    return true;
  }
  if (std::isalpha(static_cast<unsigned char>(text[0])) == 0 && text[0] != '/' &&
      !text.starts_with("./") && !text.starts_with("../")) {
    return true;
  }
  std::string lower;
  for (const char c : text) {
    lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  const std::array<std::string_view, 12> words{"null", "true", "false", "yes", "no",  "on",
                                               "off",  "y",    "n",     "nan", "inf", "infinity"};
  return std::find(words.begin(), words.end(), lower) != words.end();
}

std::string to_yaml(const Node& mapping) {
  std::string out;
  append_mapping(out, mapping, 0);
  return out;
}

std::string to_flow_text(const Node& node) {
  std::string out;
  switch (node.kind) {
    case NodeKind::null:
    case NodeKind::broken:
      return "null";
    case NodeKind::scalar:
      return scalar_text(node);
    case NodeKind::list:
      for (const Node& item : node.items) {
        out += (out.empty() ? "" : ", ") + to_flow_text(item);
      }
      return "[" + out + "]";
    case NodeKind::mapping:
      for (const Entry& entry : node.entries) {
        const std::string key = needs_quotes(entry.key) ? quoted_text(entry.key) : entry.key;
        out += (out.empty() ? "" : ", ") + key + ": " + to_flow_text(entry.value);
      }
      return "{" + out + "}";
  }
  return out;
}

}  // namespace tessera
