#include "sim/workload/plain_mooncake_line.hpp"

#include "sim/workload/plain_ids.hpp"
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

bool take_ids(PlainText& text, ContentLists& lists) {
  if (!text.take('[')) {
    return false;
  }
  if (text.take(']') || take_plain_ids(text, lists)) {
    return true;
  }
  lists.clear();
  do {
    std::uint64_t id = 0;
    if (!text.take_id(id)) {
      return false;
    }
    lists.push_back(id);
  } while (take_comma(text));
  return text.take(']');
}

// The member that comes next, whose key is told; none where it is none that is known.
Keys take_member(PlainText& text, TraceRow& row, ContentLists& lists) {
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
    return take_ids(text, lists) ? ids : none;
  }
  return none;
}

// The row as it was published: most are.
bool take_published(PlainText& text, TraceRow& row, ContentLists& lists) {
  return text.take("{\"timestamp\": ") && text.take_time<9>(row.arrival) &&
         text.take(", \"input_length\": ") && text.take_tokens(row.prompt) &&
         text.take(", \"output_length\": ") && text.take_tokens(row.output) &&
         text.take(", \"hash_ids\": [") && take_plain_ids(text, lists) && text.take('}');
}

bool take_members(PlainText& text, TraceRow& row, ContentLists& lists) {
  if (!text.take('{')) {
    return false;
  }
  Keys seen = none;
  do {
    const Keys key = take_member(text, row, lists);
    if (key == none || (seen & key) != none) {
      return false;
    }
    seen |= key;
  } while (take_comma(text));
  return text.take('}') && (seen & required) == required;
}

}  // namespace

const char* read_plain_mooncake_row(std::string_view ahead, TraceRow& row, ContentLists& lists) {
  PlainText text(ahead);
  lists.clear();
  if (!take_published(text, row, lists)) {
    text = PlainText(ahead);
    lists.clear();
    if (!take_members(text, row, lists)) {
      return nullptr;
    }
  }
  return text.take('\n') || text.take("\r\n") ? text.at() : nullptr;
}

}  // namespace tessera
