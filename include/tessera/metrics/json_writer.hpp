// JSON as text, in the order in which it is written: equal values give equal bytes, and numbers
// keep the exact decimal text that CSV has.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tessera {

class JsonWriter {
 public:
  // Opens the outermost object.
  JsonWriter();

  void open_object(std::string_view name);
  void open_array(std::string_view name);
  void close();

  // Members of the open object.
  void string(std::string_view name, std::string_view value);
  // `text` is a number or a truth value as CSV holds it; empty becomes null.
  void value(std::string_view name, std::string_view text);
  void integer(std::string_view name, std::int64_t value);
  // An element of the open array.
  void element(std::string_view value);

  // Closes what is open. Call once.
  [[nodiscard]] std::string finish();

 private:
  void open(std::string_view name, char bracket);
  void next(std::string_view name);
  void append_string(std::string_view text);

  std::string text_ = "{";
  std::string closing_ = "}";  // of what is open, outermost first
  bool first_ = true;
};

}  // namespace tessera
