#include "sim/memory/allocation_trace.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <istream>

#include "tessera/core/closest.hpp"
#include "tessera/core/diagnostic.hpp"

namespace tessera {
namespace {

constexpr std::size_t buffer_size = std::size_t{1} << 18;
constexpr std::size_t longest_line = std::size_t{1} << 20;

std::string quoted(std::string_view text) {
  return "'" + std::string(text.substr(0, 60)) + "'";
}

// The whole of `text` as a number that is not negative.
template <class Integer>
bool read_number(std::string_view text, Integer& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() && !text.empty();
}

}  // namespace

AllocationTrace::AllocationTrace(std::istream& in, std::string_view name)
    : in_(in), name_(name), buffer_(buffer_size) {
  read_header();
}

void AllocationTrace::fail(const std::string& message, std::int64_t column) const {
  throw BadInput(Place{name_, line_number_, column}, message);
}

void AllocationTrace::fail_at(std::string_view field, const std::string& message) const {
  fail(message, field.data() - line_.data() + 1);
}

// Moves what is left to the front and reads on. False at the end of the input.
bool AllocationTrace::refill() {
  if (ended_) {
    return false;
  }
  std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
            buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
  end_ -= begin_;
  begin_ = 0;
  if (end_ == buffer_.size()) {
    if (buffer_.size() >= longest_line) {
      ++line_number_;
      fail("the line is longer than " + std::to_string(longest_line) + " characters");
    }
    buffer_.resize(2 * buffer_.size());
  }
  in_.read(buffer_.data() + end_, static_cast<std::streamsize>(buffer_.size() - end_));
  end_ += static_cast<std::size_t>(in_.gcount());
  ended_ = in_.gcount() == 0;
  return !ended_;
}

bool AllocationTrace::next_line(std::string_view& line) {
  std::size_t searched = begin_;
  while (true) {
    const char* start = buffer_.data() + searched;
    const void* found = std::memchr(start, '\n', end_ - searched);
    if (found != nullptr) {
      const auto length =
          static_cast<std::size_t>(static_cast<const char*>(found) - (buffer_.data() + begin_));
      line = std::string_view(buffer_.data() + begin_, length);
      begin_ += length + 1;
      break;
    }
    searched = end_ - begin_;
    if (!refill()) {
      if (begin_ == end_) {
        return false;
      }
      line = std::string_view(buffer_.data() + begin_, end_ - begin_);
      begin_ = end_;
      break;
    }
  }
  ++line_number_;
  if (!line.empty() && line.back() == '\r') {
    line.remove_suffix(1);
    line_end_ = line_number_ == 1 ? "\r\n" : line_end_;
  }
  return true;
}

void AllocationTrace::read_header() {
  if (!next_line(line_)) {
    throw BadInput(Place{name_, 0, 0}, "the trace is empty; it needs a header op,id,size[,addr]");
  }
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (line_.starts_with(byte_order_mark)) {
    line_.remove_prefix(byte_order_mark.size());
  }
  static const std::vector<std::string> names{"op", "id", "size", "addr"};
  std::array<bool, 4> seen{};
  for (std::size_t from = 0; from <= line_.size();) {
    const std::size_t comma = std::min(line_.find(',', from), line_.size());
    const std::string_view field = line_.substr(from, comma - from);
    const auto known = std::find(names.begin(), names.end(), field);
    Column column = Column::ignored;
    if (known != names.end()) {
      const auto index = static_cast<std::size_t>(known - names.begin());
      if (seen.at(index)) {
        fail_at(field, "column " + quoted(field) + " appears twice");
      }
      seen.at(index) = true;
      column = static_cast<Column>(index + 1);
    }
    columns_.push_back(column);
    from = comma + 1;
  }
  for (std::size_t i = 0; i < 3; ++i) {
    if (!seen.at(i)) {
      fail("the header has no column '" + names.at(i) + "'; a trace needs op,id,size[,addr]");
    }
  }
  while (columns_.back() == Column::ignored) {
    columns_.pop_back();
  }
}

bool AllocationTrace::next(TraceRow& row) {
  do {
    if (!next_line(line_)) {
      return false;
    }
  } while (line_.empty());
  row.address.reset();
  row.size.reset();
  std::size_t from = 0;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    if (from > line_.size()) {
      fail("the row has " + std::to_string(i) + " of at least " + std::to_string(columns_.size()) +
           " columns");
    }
    const std::size_t comma = std::min(line_.find(',', from), line_.size());
    read_field(columns_[i], line_.substr(from, comma - from), row);
    from = comma + 1;
  }
  if (row.op == TraceOp::alloc && !row.size) {
    fail("an allocation has no size");
  }
  return true;
}

void AllocationTrace::read_field(Column column, std::string_view text, TraceRow& row) {
  switch (column) {
    case Column::ignored:
      return;
    case Column::op:
      read_op(text, row);
      return;
    case Column::id:
      if (!read_number(text, row.id)) {
        fail_at(text, "id " + quoted(text) + " is not a whole number below 2^63");
      }
      return;
    case Column::size: {
      std::int64_t bytes = 0;
      if (!text.empty()) {
        if (!read_number(text, bytes) || bytes < 0) {
          fail_at(text,
                  "size " + quoted(text) + " is not a whole number of bytes from 0 to 2^63 - 1");
        }
        row.size = Bytes{bytes};
      }
      return;
    }
    case Column::address: {
      std::uint64_t address = 0;
      if (!text.empty()) {
        if (!read_number(text, address)) {
          fail_at(text, "addr " + quoted(text) + " is not a whole number from 0 to 2^64 - 1");
        }
        row.address = DeviceAddress{address};
      }
      return;
    }
  }
}

void AllocationTrace::read_op(std::string_view text, TraceRow& row) const {
  if (text == "alloc") {
    row.op = TraceOp::alloc;
  } else if (text == "free") {
    row.op = TraceOp::free;
  } else {
    static const std::vector<std::string> ops{"alloc", "free"};
    const auto meant = closest(text, ops);
    fail_at(text, "op " + quoted(text) + " is neither alloc nor free" +
                      (meant ? "; did you mean '" + *meant + "'?" : ""));
  }
}

}  // namespace tessera
