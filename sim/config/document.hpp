// A YAML document as a tree of our own, in which every node knows its place.
//
// yaml-cpp 0.7 parses, but its nodes are never used: they keep the first of two equal keys without
// a word, convert scalars loosely, and are not safe to read from two threads. Whatever a scenario
// has no use for (aliases, anchors, tags, merge keys, a second document) is reported here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sim/config/problems.hpp"
#include "tessera/core/diagnostic.hpp"

namespace tessera {

// broken: something that has been reported already, and that later passes pass over.
enum class NodeKind { null, scalar, list, mapping, broken };

struct Entry;

struct Node {
  NodeKind kind = NodeKind::null;
  Place place;  // of a value that is absent or null: its key's
  std::string text;
  bool quoted = false;
  std::vector<Node> items;
  std::vector<Entry> entries;  // in the order of the file

  [[nodiscard]] bool is(NodeKind k) const { return kind == k; }
  [[nodiscard]] Entry* find(std::string_view key);
  [[nodiscard]] const Entry* find(std::string_view key) const;
  // Appends an entry; the value that it then holds.
  Node& add(std::string_view key, const Place& key_place, Node value);
  // The value of `key` where that is a scalar, else null.
  [[nodiscard]] const Node* scalar_at(std::string_view key) const;
};

struct Entry {
  std::string key;
  Place place;  // of the key
  Node value;
};

[[nodiscard]] Node scalar_node(std::string text, const Place& place);
[[nodiscard]] Node mapping_node(const Place& place);
[[nodiscard]] Node null_node(const Place& place);
// Gives every node of the tree, and every key, the one place.
void set_places(Node& node, const Place& place);
[[nodiscard]] const char* name_of(NodeKind kind);

// Parses one document. What is wrong goes to `problems`; the result is then as much as could be
// understood. `file` is what places call the text.
[[nodiscard]] Node parse_document(std::string_view text, const std::string& file,
                                  Problems& problems);

}  // namespace tessera
