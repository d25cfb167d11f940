#include <cerrno>
#include <cstring>

#include "tessera/metrics/output_folder.hpp"

namespace tessera {
namespace {

constexpr std::size_t flush_at = std::size_t{1} << 20;

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
  buffer_.reserve(flush_at + (flush_at >> 2));
}

RowWriter::RowWriter(std::filesystem::path path, std::string_view header)
    : RowWriter(std::move(path)) {
  buffer_ += header;
  buffer_ += '\n';
}

RowWriter::~RowWriter() {
  if (file_ != nullptr) {
    (void)std::fclose(file_);
  }
}

void RowWriter::row_done() {
  buffer_ += '\n';
  if (buffer_.size() >= flush_at) {
    flush();
  }
}

void RowWriter::add(std::string_view row) {
  buffer_ += row;
  row_done();
}

void RowWriter::close() {
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
  if (std::fwrite(buffer_.data(), 1, buffer_.size(), file_) != buffer_.size()) {
    fail(path_, errno);
  }
  buffer_.clear();
}

}  // namespace tessera
