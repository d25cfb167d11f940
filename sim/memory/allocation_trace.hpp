// Reads an allocation trace row by row, without copying: a large buffer, lines found by memchr,
// numbers read in place.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/memory/device_allocator.hpp"

namespace tessera {

enum class TraceOp : std::uint8_t { alloc, free };

struct TraceRow {
  TraceOp op = TraceOp::alloc;
  std::int64_t id = 0;
  std::optional<Bytes> size;  // an allocation has one
  std::optional<DeviceAddress> address;
};

class AllocationTrace {
 public:
  // Reads the header; throws BadInput where it lacks a column.
  AllocationTrace(std::istream& in, std::string_view name);

  // How the header's line ends, "\n" or "\r\n".
  [[nodiscard]] std::string_view line_end() const { return line_end_; }
  // The next row, or false at the end. Empty lines are passed over.
  bool next(TraceRow& row);
  // Throws BadInput at the line that was read last; `column` counts characters from 1, 0 for all.
  [[noreturn]] void fail(const std::string& message, std::int64_t column = 0) const;

 private:
  enum class Column : std::uint8_t { ignored, op, id, size, address };

  bool next_line(std::string_view& line);
  bool refill();
  void read_header();
  void read_field(Column column, std::string_view text, TraceRow& row);
  [[noreturn]] void fail_at(std::string_view field, const std::string& message) const;
  void read_op(std::string_view text, TraceRow& row) const;

  std::istream& in_;
  std::string name_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;  // of what has not been given out
  std::size_t end_ = 0;
  bool ended_ = false;
  std::int64_t line_number_ = 0;
  std::string_view line_;
  std::string_view line_end_ = "\n";  // of the header
  std::vector<Column> columns_;       // up to the last one that matters
};

}  // namespace tessera
