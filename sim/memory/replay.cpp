#include "tessera/memory/replay.hpp"

#include <algorithm>
#include <array>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filter/lzma.hpp>
#include <boost/iostreams/filtering_stream.hpp>
#include <charconv>
#include <fstream>
#include <istream>
#include <ostream>
#include <string>

#include "sim/memory/allocation_trace.hpp"
#include "sim/memory/live_allocations.hpp"
#include "tessera/core/diagnostic.hpp"

namespace tessera {
namespace {

constexpr std::string_view header_line =
    "op,id,size,addr,ok,requested,allocated,active,reserved,inactive_split,segments,retries";

// Text on its way out, written in large pieces.
class RowWriter {
 public:
  RowWriter(std::ostream& out, std::string_view line_end) : out_(out), line_end_(line_end) {
    text(header_line);
    text(line_end_);
  }
  RowWriter(const RowWriter&) = delete;
  RowWriter& operator=(const RowWriter&) = delete;
  ~RowWriter() { flush(); }

  void text(std::string_view s) { end_ = std::copy(s.begin(), s.end(), end_); }
  template <class Integer>
  void field(Integer value) {
    end_ = std::to_chars(end_, buffer_.data() + buffer_.size(), value).ptr;
    *end_++ = ',';
  }
  void field(Bytes value) { field(value.count()); }
  void end_row() {
    --end_;
    text(line_end_);
    if (buffer_.data() + buffer_.size() - end_ < longest_row) {
      flush();
    }
  }

 private:
  void flush() {
    out_.write(buffer_.data(), end_ - buffer_.data());
    end_ = buffer_.data();
  }

  static constexpr std::ptrdiff_t longest_row = 512;
  std::ostream& out_;
  std::string_view line_end_;
  std::array<char, std::size_t{1} << 16> buffer_;
  char* end_ = buffer_.data();
};

// One replay: the trace's ids, the allocator behind them, and what came of it.
class Replay {
 public:
  Replay(AllocationTrace& trace, DeviceAllocator& allocator, RowWriter& rows)
      : trace_(trace), allocator_(allocator), rows_(rows) {}

  ReplaySummary run() {
    TraceRow row;
    while (trace_.next(row)) {
      ++summary_.operations;
      if (row.op == TraceOp::alloc) {
        allocate(row);
      } else {
        free(row);
      }
      write_counters();
    }
    summary_.last = allocator_.counters();
    return summary_;
  }

 private:
  void allocate(const TraceRow& row) {
    TraceId& id = ids_[row.id];
    if (id.state == TraceIdState::live) {
      trace_.fail("id " + std::to_string(row.id) + " is allocated while it is live");
    }
    const auto allocation = allocator_.allocate(*row.size, row.address);
    rows_.text("alloc,");
    rows_.field(row.id);
    rows_.field(*row.size);
    if (allocation) {
      id = {allocation->handle, TraceIdState::live};
      ++summary_.allocations;
      rows_.field(allocation->address.value());
      rows_.text("1,");
    } else {
      id.state = TraceIdState::refused;
      ++summary_.refused;
      rows_.text(",0,");
    }
  }

  void free(const TraceRow& row) {
    TraceId& id = ids_[row.id];
    const bool live = id.state == TraceIdState::live;
    if (live) {
      allocator_.free(id.handle);
      id.state = TraceIdState::freed;
    } else if (id.state != TraceIdState::refused) {
      trace_.fail("id " + std::to_string(row.id) +
                  (id.state == TraceIdState::freed ? " is freed twice"
                                                   : " is freed and was never allocated"));
    }
    rows_.text("free,");
    rows_.field(row.id);
    rows_.field(row.size.value_or(Bytes{0}));
    rows_.text(live ? ",1," : ",0,");
  }

  void write_counters() {
    const AllocatorCounters& c = allocator_.counters();
    summary_.peak_allocated = std::max(summary_.peak_allocated, c.allocated);
    summary_.peak_reserved = std::max(summary_.peak_reserved, c.reserved);
    rows_.field(c.requested);
    rows_.field(c.allocated);
    rows_.field(c.active);
    rows_.field(c.reserved);
    rows_.field(c.inactive_split);
    rows_.field(c.segments);
    rows_.field(c.retries);
    rows_.end_row();
  }

  AllocationTrace& trace_;
  DeviceAllocator& allocator_;
  RowWriter& rows_;
  LiveAllocations ids_;
  ReplaySummary summary_;
};

}  // namespace

ReplaySummary replay_trace(std::istream& trace, std::string_view name, DeviceAllocator& allocator,
                           std::ostream& rows) {
  AllocationTrace reader(trace, name);
  RowWriter writer(rows, reader.line_end());
  return Replay(reader, allocator, writer).run();
}

ReplaySummary replay_file(const std::filesystem::path& file, DeviceAllocator& allocator,
                          std::ostream& rows) {
  namespace io = boost::iostreams;
  std::ifstream raw(file, std::ios::binary);
  if (!raw || std::filesystem::is_directory(file)) {
    throw UnreadableFile(Place{file.string(), 0, 0}, "the file cannot be read");
  }
  io::filtering_istream decompressed;
  if (file.extension() == ".gz") {
    decompressed.push(io::gzip_decompressor());
  } else if (file.extension() == ".xz") {
    decompressed.push(io::lzma_decompressor());
  }
  std::istream* in = &raw;
  if (!decompressed.empty()) {
    decompressed.push(raw);
    in = &decompressed;
  }
  in->exceptions(std::ios::badbit);
  try {
    return replay_trace(*in, file.string(), allocator, rows);
  } catch (const io::gzip_error&) {
    throw BadInput(Place{file.string(), 0, 0}, "the file is not what gzip writes");
  } catch (const io::lzma_error&) {
    throw BadInput(Place{file.string(), 0, 0}, "the file is not what xz writes");
  } catch (const std::ios::failure&) {
    throw UnreadableFile(Place{file.string(), 0, 0}, "reading stopped in the middle of the file");
  }
}

}  // namespace tessera
