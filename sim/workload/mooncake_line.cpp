#include "sim/workload/mooncake_line.hpp"

#include <algorithm>
#include <optional>
#include <string>

#include "sim/workload/number_text.hpp"

namespace tessera {
namespace {

constexpr int deepest_nesting = 64;

bool is_of_number(char c) {
  return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
}

// Walks over JSON text (RFC 8259). Numbers stay text, so that none goes through a double.
class JsonCursor {
 public:
  JsonCursor(std::string_view text, const Place& line) : text_(text), line_(line) {}

  [[noreturn]] void fail(const std::string& message) const {
    throw BadInput(Place{line_.file, line_.line, static_cast<std::int64_t>(at_) + 1}, message);
  }
  // Whether the next character was `c`, which it passes.
  bool take(char c) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != c) {
      return false;
    }
    ++at_;
    return true;
  }
  void expect(char c, std::string_view where) {
    if (!take(c)) {
      fail("expected '" + std::string(1, c) + "' " + std::string(where));
    }
  }
  void expect_end() {
    skip_blanks();
    if (at_ != text_.size()) {
      fail("expected nothing behind the object");
    }
  }
  // What is between the quotes, escapes and all.
  std::string_view string() {
    expect('"', "at the start of a string");
    const std::size_t start = at_;
    while (at_ < text_.size() && text_[at_] != '"') {
      at_ += text_[at_] == '\\' ? 2 : 1;
    }
    if (at_ >= text_.size()) {
      at_ = text_.size();
      fail("the string has no end");
    }
    return text_.substr(start, at_++ - start);
  }
  // The text of a number; of anything else as much as an error message should show.
  std::string_view scalar() {
    skip_blanks();
    const std::size_t start = at_;
    while (at_ < text_.size() && is_of_number(text_[at_])) {
      ++at_;
    }
    if (at_ == start) {
      return text_.substr(start, text_.find_first_of(",}]", start) - start);
    }
    return text_.substr(start, at_ - start);
  }
  void skip_value(int depth = 0) {
    if (depth > deepest_nesting) {
      fail("the value is nested too deeply");
    }
    skip_blanks();
    if (at_ < text_.size() && text_[at_] == '"') {
      static_cast<void>(string());
    } else if (take('[')) {
      skip_members(']', depth);
    } else if (take('{')) {
      skip_members('}', depth);
    } else if (!skip_word("true") && !skip_word("false") && !skip_word("null")) {
      if (at_ == text_.size() || !is_of_number(text_[at_])) {
        fail("expected a value");
      }
      static_cast<void>(scalar());
    }
  }

 private:
  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  bool skip_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) {
      return false;
    }
    at_ += word.size();
    return true;
  }
  void skip_members(char end, int depth) {
    if (take(end)) {
      return;
    }
    do {
      if (end == '}') {
        static_cast<void>(string());
        expect(':', "behind a key");
      }
      skip_value(depth + 1);
    } while (take(','));
    expect(end, "behind the last value");
  }

  std::string_view text_;
  const Place& line_;
  std::size_t at_ = 0;
};

// Reads one scalar with `parse`; a key that comes twice is a mistake.
template <class T, class Parse>
void read_once(JsonCursor& json, std::optional<T>& value, Parse parse, std::string_view expected) {
  if (value) {
    json.fail("the key appears twice");
  }
  const JsonCursor start = json;
  const std::string_view text = json.scalar();
  value = parse(text);
  if (!value) {
    start.fail("expected " + std::string(expected) + ", not " + excerpt(text));
  }
}

void read_hash_ids(JsonCursor& json, std::vector<std::uint64_t>& hash_ids) {
  json.expect('[', "at the start of 'hash_ids'");
  if (json.take(']')) {
    return;
  }
  do {
    std::optional<std::uint64_t> id;
    read_once(json, id, parse_id, "a whole number in 'hash_ids'");
    hash_ids.push_back(*id);
  } while (json.take(','));
  json.expect(']', "behind the last of 'hash_ids'");
}

const AttributeColumn* find_attribute(std::string_view key) {
  for (const AttributeColumn& column : attribute_columns()) {
    if (column.name == key) {
      return &column;
    }
  }
  return nullptr;
}

void read_attribute(JsonCursor& json, const AttributeColumn& column, TraceAttributes& attributes) {
  const JsonCursor start = json;
  const std::string_view text = json.scalar();
  if (!column.read(text, attributes)) {
    start.fail("expected " + std::string(column.form) + ", not " + excerpt(text));
  }
}

std::optional<std::uint32_t> parse_limit(std::string_view text) {
  const std::optional<std::uint32_t> tokens = parse_tokens(text);
  return tokens == 0U ? std::nullopt : tokens;
}

template <class T>
T required(const JsonCursor& json, const std::optional<T>& value, std::string_view key) {
  if (!value) {
    json.fail("the key '" + std::string(key) +
              "' is missing; mooncake needs timestamp, input_length, output_length");
  }
  return *value;
}

}  // namespace

MooncakeRow parse_mooncake_line(std::string_view line, const Place& place,
                                std::vector<std::uint64_t>& hash_ids) {
  hash_ids.clear();
  JsonCursor json(line, place);
  std::optional<Duration> timestamp;
  std::optional<std::uint32_t> prompt;
  std::optional<std::uint32_t> output;
  std::optional<std::uint32_t> limit;
  TraceAttributes attributes;
  bool has_ids = false;
  json.expect('{', "at the start of a line of JSON");
  if (!json.take('}')) {
    do {
      const std::string_view key = json.string();
      json.expect(':', "behind a key");
      if (key == "timestamp") {
        read_once(json, timestamp, parse_milliseconds, "'timestamp' to be milliseconds from 0 on");
      } else if (key == "input_length") {
        read_once(json, prompt, parse_tokens, "'input_length' to be tokens, 0 to 1000000000");
      } else if (key == "output_length") {
        read_once(json, output, parse_tokens, "'output_length' to be tokens, 0 to 1000000000");
      } else if (key == "max_tokens") {
        read_once(json, limit, parse_limit, "'max_tokens' to be tokens, 1 to 1000000000");
      } else if (key == "hash_ids") {
        if (has_ids) {
          json.fail("the key appears twice");
        }
        has_ids = true;
        read_hash_ids(json, hash_ids);
      } else if (const AttributeColumn* column = find_attribute(key)) {
        read_attribute(json, *column, attributes);
      } else {
        json.skip_value();
      }
    } while (json.take(','));
    json.expect('}', "behind the last value");
  }
  json.expect_end();
  return {required(json, timestamp, "timestamp"), required(json, prompt, "input_length"),
          required(json, output, "output_length"), limit.value_or(0), attributes};
}

}  // namespace tessera
