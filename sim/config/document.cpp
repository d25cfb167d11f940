#include "sim/config/document.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>

#include "sim/config/utf8.hpp"

namespace tessera {
namespace {

constexpr std::size_t max_text_bytes = std::size_t{1} << 18;
constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::size_t max_nodes = 100'000;
// yaml-cpp recurses once a level; nothing in a scenario nests deeper than a handful.
constexpr std::size_t max_depth = 64;

constexpr const char* unclosed_quote = "a quote that was opened is never closed";

// Whether the quote that `text` starts with is closed: at the end of a file yaml-cpp closes it
// itself. Text that starts otherwise (a block scalar) has none to close.
bool is_closed(std::string_view text) {
  if (text.empty() || (text[0] != '"' && text[0] != '\'')) {
    return true;
  }
  for (std::size_t at = 1; at < text.size(); ++at) {
    if (text[0] == '"' && text[at] == '\\') {
      ++at;
    } else if (text[at] == text[0]) {
      // Two single quotes are one that is meant; either way the next one decides.
      if (text[0] == '"' || at + 1 == text.size() || text[at + 1] != '\'') {
        return true;
      }
      ++at;
    }
  }
  return false;
}

// Builds the tree from yaml-cpp's events. Ends the parse by throwing what was found so far.
class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(std::string_view text, std::string file, Problems& problems)
      : text_(text), file_(std::move(file)), problems_(&problems) {}

  // What the parse ends with once there is no sense in reading on; it has been reported.
  struct Stop {};

  [[nodiscard]] Node take_root() { return std::move(root_); }
  [[nodiscard]] bool has_document() const { return num_documents_ > 0; }
  // Where the innermost list or mapping that is still open began.
  [[nodiscard]] std::optional<Place> innermost_open() const {
    return open_.empty() ? std::nullopt : std::optional(open_.back().node.place);
  }
  // yaml-cpp counts bytes from 0; we count characters from 1.
  [[nodiscard]] Place place_of(const YAML::Mark& mark) const {
    std::int64_t column = mark.column;
    if (column > 0 && column < longest_counted && mark.pos >= mark.column &&
        mark.pos <= static_cast<int>(text_.size())) {
      const auto start = static_cast<std::size_t>(mark.pos - mark.column);
      column = count_characters(text_.substr(start, static_cast<std::size_t>(mark.column)));
    }
    return {file_, mark.line + 1, column + 1};
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++num_documents_ == 2) {
      stop(mark,
           "expected one document, but a second one, or text that belongs to none, starts here");
    }
  }
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark& mark, const std::string& name) override {
    problems_->error(place_of(mark), "",
                     "anchors ('&" + name + "') are not supported; write the value out");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    problems_->error(place_of(mark), "", "aliases ('*') are not supported; write the value out");
    add({NodeKind::broken, place_of(mark), "", false, {}, {}});
  }
  void OnNull(const YAML::Mark& mark, YAML::anchor_t /*anchor*/) override {
    add(null_node(place_of(mark)));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                const std::string& value) override {
    refuse_tag(mark, tag);
    if (tag == "!" &&
        !is_closed(text_.substr(std::min(static_cast<std::size_t>(mark.pos), text_.size())))) {
      stop(mark, unclosed_quote);
    }
    Node node{NodeKind::scalar, place_of(mark), value, tag == "!", {}, {}};
    if (find_bad_text(value)) {
      problems_->error(node.place, "", "this text holds a character that is not allowed");
      node.kind = NodeKind::broken;
    }
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                       YAML::EmitterStyle::value /*style*/) override {
    open(NodeKind::list, mark, tag);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {
    open(NodeKind::mapping, mark, tag);
  }
  void OnMapEnd() override { close(); }

 private:
  // A list or mapping that has begun. A mapping's nodes are key, value, key, value, …
  struct Frame {
    Node node;
    std::map<std::string, std::int64_t, std::less<>> lines;  // of the keys so far
    std::optional<Entry> key;                                // whose value comes next
    bool keep = true;                                        // false: the key has been refused
  };

  [[noreturn]] void stop(const YAML::Mark& mark, std::string message) {
    problems_->error(place_of(mark), "", std::move(message));
    throw Stop{};
  }

  void refuse_tag(const YAML::Mark& mark, const std::string& tag) {
    if (!tag.empty() && tag != "?" && tag != "!") {
      problems_->error(place_of(mark), "", "tags ('!') are not supported; leave it out");
    }
  }

  void count(const Place& place) {
    if (++num_nodes_ > max_nodes) {
      problems_->error(place, "", "too long: more than " + std::to_string(max_nodes) + " values");
      throw Stop{};
    }
  }

  void open(NodeKind kind, const YAML::Mark& mark, const std::string& tag) {
    refuse_tag(mark, tag);
    if (open_.size() == max_depth) {
      stop(mark, "nested too deeply: more than " + std::to_string(max_depth) + " levels");
    }
    count(place_of(mark));
    open_.push_back({{kind, place_of(mark), "", false, {}, {}}, {}, {}, true});
  }

  void close() {
    Node node = std::move(open_.back().node);
    open_.pop_back();
    put(std::move(node));
  }

  void add(Node node) {
    count(node.place);
    put(std::move(node));
  }

  void put(Node node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = open_.back();
    if (frame.node.is(NodeKind::list)) {
      frame.node.items.push_back(std::move(node));
    } else if (!frame.key) {
      begin_entry(frame, std::move(node));
    } else {
      // yaml-cpp marks a missing value on the line after it.
      if (node.is(NodeKind::null)) {
        node.place = frame.key->place;
      }
      frame.key->value = std::move(node);
      if (frame.keep) {
        frame.node.entries.push_back(std::move(*frame.key));
      }
      frame.key.reset();
    }
  }

  void begin_entry(Frame& frame, Node node) {
    frame.key = Entry{node.text, node.place, {}};
    frame.keep = false;
    if (node.is(NodeKind::broken)) {
      return;
    }
    if (!node.is(NodeKind::scalar)) {
      problems_->error(node.place, "",
                       std::string("a key must be a name, not ") + name_of(node.kind));
    } else if (node.text == "<<" && !node.quoted) {
      problems_->error(node.place, "", "merge keys ('<<') are not supported; write the keys out");
    } else if (const auto [first, fresh] = frame.lines.emplace(node.text, node.place.line);
               !fresh) {
      problems_->error(node.place, "",
                       "duplicate key " + in_quotes(node.text) + ", given on line " +
                           std::to_string(first->second) + " already");
    } else {
      frame.keep = true;
    }
  }

  // Columns beyond it stay bytes, so that a file of one long line does not take a square of time.
  static constexpr int longest_counted = 4096;

  std::string_view text_;
  std::string file_;
  Problems* problems_;
  Node root_;
  std::vector<Frame> open_;
  std::size_t num_nodes_ = 0;
  int num_documents_ = 0;
};

// Whether the text that the parser may see is text at all. yaml-cpp takes a byte 4 for the end of
// the file, and guesses UTF-16 from zero bytes.
bool is_plain_text(std::string_view text, const std::string& file, Problems& problems) {
  if (text.size() > max_text_bytes) {
    problems.error({file, 0, 0}, "",
                   "too long: more than " + std::to_string(max_text_bytes) + " bytes");
    return false;
  }
  const auto bad = find_bad_text(text);
  if (!bad) {
    return true;
  }
  const std::string_view before = text.substr(0, *bad);
  const auto line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
  problems.error({file, 1 + std::count(before.begin(), before.end(), '\n'),
                  1 + count_characters(before.substr(line_start))},
                 "", "expected text in UTF-8, found another byte or a control character");
  return false;
}

void report_syntax(const YAML::Exception& exception, const TreeBuilder& builder,
                   Problems& problems) {
  Place place = builder.place_of(exception.mark);
  std::string message = exception.msg;
  const auto open = builder.innermost_open();
  if (message.find("flow not found") != std::string::npos && open) {
    place = *open;
    message = "this bracket is never closed";
  } else if (message == "illegal EOF in scalar") {
    message = unclosed_quote;
  } else {
    message = "not valid YAML: " + message;
  }
  if (exception.mark.is_null()) {
    place.line = 0;
    place.column = 0;
  }
  problems.error(place, "", message);
}

}  // namespace

Entry* Node::find(std::string_view key) {
  const auto it =
      std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.key == key; });
  return it == entries.end() ? nullptr : &*it;
}

const Entry* Node::find(std::string_view key) const {
  const auto it =
      std::find_if(entries.begin(), entries.end(), [&](const Entry& e) { return e.key == key; });
  return it == entries.end() ? nullptr : &*it;
}

const Node* Node::scalar_at(std::string_view key) const {
  const Entry* entry = find(key);
  return entry != nullptr && entry->value.is(NodeKind::scalar) ? &entry->value : nullptr;
}

Node scalar_node(std::string text, const Place& place) {
  return {NodeKind::scalar, place, std::move(text), false, {}, {}};
}

Node mapping_node(const Place& place) {
  return {NodeKind::mapping, place, "", false, {}, {}};
}

Node null_node(const Place& place) {
  return {NodeKind::null, place, "", false, {}, {}};
}

Node& Node::add(std::string_view key, const Place& key_place, Node value) {
  Entry& entry = entries.emplace_back();
  entry.key = key;
  entry.place = key_place;
  entry.value = std::move(value);
  return entry.value;
}

void set_places(Node& node, const Place& place) {
  node.place = place;
  for (Node& item : node.items) {
    set_places(item, place);
  }
  for (Entry& entry : node.entries) {
    entry.place = place;
    set_places(entry.value, place);
  }
}

const char* name_of(NodeKind kind) {
  switch (kind) {
    case NodeKind::null:
      return "nothing";
    case NodeKind::scalar:
      return "a plain value";
    case NodeKind::list:
      return "a list";
    case NodeKind::mapping:
      return "a mapping";
    case NodeKind::broken:
      return "something that cannot be used";
  }
  return "";
}

Node parse_document(std::string_view text, const std::string& file, Problems& problems) {
  if (!is_plain_text(text, file, problems)) {
    return {NodeKind::broken, {file, 0, 0}, "", false, {}, {}};
  }
  if (text.starts_with(byte_order_mark)) {
    text.remove_prefix(byte_order_mark.size());
  }
  TreeBuilder builder(text, file, problems);
  std::istringstream stream{std::string(text)};
  try {
    YAML::Parser parser(stream);
    // Twice at most: a stray ',' is a document without an end to yaml-cpp, again and again.
    if (parser.HandleNextDocument(builder)) {
      parser.HandleNextDocument(builder);
    }
  } catch (const YAML::Exception& exception) {
    report_syntax(exception, builder, problems);
    return {NodeKind::broken, {file, 0, 0}, "", false, {}, {}};
  } catch (const TreeBuilder::Stop&) {
    return {NodeKind::broken, {file, 0, 0}, "", false, {}, {}};
  }
  Node root = builder.take_root();
  if (!builder.has_document()) {
    root.place = {file, 1, 1};
  }
  return root;
}

}  // namespace tessera
