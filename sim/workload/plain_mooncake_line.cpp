#include "sim/workload/plain_mooncake_line.hpp"

#include "sim/workload/plain_text.hpp"

namespace tessera {
namespace {

// The keys of a line, as bits of a set.
using Keys = unsigned;
constexpr Keys none = 0;
constexpr Keys timestamp = 1;
constexpr Keys input_length = 2;
constexpr Keys output_length = 4;
constexpr Keys ids = 8;
constexpr Keys required = timestamp | input_length | output_length;

// With the blank behind it, where there is one.
bool take_comma(PlainText& text) {
  return text.take(", ") || text.take(',');
}

bool take_ids(PlainText& text, std::vector<std::uint64_t>& hash_ids) {
  if (!text.take('[')) {
    return false;
  }
  if (text.take(']')) {
    return true;
  }
  do {
    std::uint64_t id = 0;
    if (!text.take_id(id)) {
      return false;
    }
    hash_ids.push_back(id);
  } while (take_comma(text));
  return text.take(']');
}

// The member that comes next, whose key is told; none where it is none that is known.
Keys take_member(PlainText& text, MooncakeRow& row, std::vector<std::uint64_t>& hash_ids) {
  if (text.take("\"timestamp\":")) {
    text.take(' ');
    return text.take_time<9>(row.arrival) ? timestamp : none;
  }
  if (text.take("\"input_length\":")) {
    text.take(' ');
    return text.take_tokens(row.prompt) ? input_length : none;
  }
  if (text.take("\"output_length\":")) {
    text.take(' ');
    return text.take_tokens(row.output) ? output_length : none;
  }
  if (text.take("\"hash_ids\":")) {
    text.take(' ');
    return take_ids(text, hash_ids) ? ids : none;
  }
  return none;
}

}  // namespace

bool read_plain_mooncake_line(std::string_view line, MooncakeRow& row,
                              std::vector<std::uint64_t>& hash_ids) {
  hash_ids.clear();
  PlainText text(line);
  if (!text.take('{')) {
    return false;
  }
  Keys seen = none;
  do {
    const Keys key = take_member(text, row, hash_ids);
    if (key == none || (seen & key) != none) {
      return false;
    }
    seen |= key;
  } while (take_comma(text));
  return text.take('}') && text.at_end() && (seen & required) == required;
}

}  // namespace tessera
