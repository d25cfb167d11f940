#include "tessera/metrics/json_writer.hpp"

#include "tessera/core/contract.hpp"
#include "tessera/core/decimal.hpp"

namespace tessera {

JsonWriter::JsonWriter() = default;

void JsonWriter::open_object(std::string_view name) {
  open(name, '{');
}

void JsonWriter::open_array(std::string_view name) {
  open(name, '[');
}

void JsonWriter::open(std::string_view name, char bracket) {
  next(name);
  text_ += bracket;
  closing_ += bracket == '{' ? '}' : ']';
  first_ = true;
}

void JsonWriter::close() {
  TESSERA_INVARIANT(!closing_.empty(), "only what is open is closed");
  const char bracket = closing_.back();
  closing_.pop_back();
  if (!first_) {
    text_ += '\n';
    text_.append(2 * closing_.size(), ' ');
  }
  text_ += bracket;
  first_ = false;
}

void JsonWriter::string(std::string_view name, std::string_view value) {
  next(name);
  append_string(value);
}

void JsonWriter::value(std::string_view name, std::string_view text) {
  next(name);
  text_ += text.empty() ? "null" : text;
}

void JsonWriter::integer(std::string_view name, std::int64_t value) {
  next(name);
  append_integer(text_, value);
}

void JsonWriter::element(std::string_view value) {
  next({});
  append_string(value);
}

std::string JsonWriter::finish() {
  while (!closing_.empty()) {
    close();
  }
  text_ += '\n';
  return std::move(text_);
}

void JsonWriter::next(std::string_view name) {
  text_ += first_ ? "\n" : ",\n";
  first_ = false;
  text_.append(2 * closing_.size(), ' ');
  if (!closing_.empty() && closing_.back() == '}') {
    append_string(name);
    text_ += ": ";
  }
}

// RFC 8259: quotation marks, backslashes and control characters are escaped. Bytes above 127 pass
// as they are: text from a YAML file is UTF-8.
void JsonWriter::append_string(std::string_view text) {
  static constexpr std::string_view hexadecimal = "0123456789abcdef";
  text_ += '"';
  for (const char letter : text) {
    const auto code = static_cast<unsigned char>(letter);
    if (letter == '"' || letter == '\\') {
      text_ += '\\';
      text_ += letter;
    } else if (letter == '\n') {
      text_ += "\\n";
    } else if (code < 0x20) {
      text_ += "\\u00";
      text_ += hexadecimal[code >> 4U];
      text_ += hexadecimal[code & 15U];
    } else {
      text_ += letter;
    }
  }
  text_ += '"';
}

}  // namespace tessera
