#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tessera/metrics/output_folder.hpp"

namespace tessera {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, int error) {
  throw OutputFailed("cannot write " + path.string() + ": " + std::strerror(error));
}

}  // namespace

RowWriter::RowWriter(std::filesystem::path path) : path_(std::move(path)) {
  errno = 0;
  file_ = std::fopen(path_.c_str(), "wb");
  if (file_ == nullptr) {
    fail(path_, errno);
  }
  // One buffer is enough; the C library's second one would only be copied through.
  std::setvbuf(file_, nullptr, _IONBF, 0);
  grow(flush_at + (flush_at >> 2));
}

RowWriter::RowWriter(std::filesystem::path path, std::string_view header)
    : RowWriter(std::move(path)) {
  add(header);
}

RowWriter::~RowWriter() {
  if (file_ != nullptr) {
    (void)std::fclose(file_);
  }
}

void RowWriter::row_done() {
  add(row_);
  row_.clear();
}

void RowWriter::add(std::string_view row) {
  append(row);
  append("\n");
  flush_if_full();
}

void RowWriter::append(std::string_view text) {
  char* const out = room(text.size());
  std::memcpy(out, text.data(), text.size());
  keep(out + text.size());
}

void RowWriter::grow(std::size_t bytes) {
  const std::size_t capacity = std::max(size_ + bytes, 2 * capacity_);
  auto larger = std::make_unique_for_overwrite<char[]>(capacity);
  if (size_ > 0) {
    std::memcpy(larger.get(), buffer_.get(), size_);
  }
  buffer_ = std::move(larger);
  capacity_ = capacity;
}

void RowWriter::close() {
  append(row_);
  flush();
  std::FILE* file = file_;
  file_ = nullptr;
  errno = 0;
  if (std::fclose(file) != 0) {
    fail(path_, errno);
  }
}

void RowWriter::flush() {
  errno = 0;
  if (std::fwrite(buffer_.get(), 1, size_, file_) != size_) {
    fail(path_, errno);
  }
  size_ = 0;
}

}  // namespace tessera
