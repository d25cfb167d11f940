#include "sim/workload/line_reader.hpp"

#include <algorithm>
#include <array>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filtering_streambuf.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ios>

namespace tessera {
namespace {

constexpr std::size_t piece = std::size_t{256} * 1024;
constexpr std::size_t longest_line = 64 * piece;

// A chain of streambufs that owns the file at its end.
class GzipText final : public boost::iostreams::filtering_streambuf<boost::iostreams::input> {
 public:
  explicit GzipText(std::unique_ptr<std::filebuf> file) : file_(std::move(file)) {
    push(boost::iostreams::gzip_decompressor(), static_cast<std::streamsize>(piece));
    push(*file_, static_cast<std::streamsize>(piece));
  }
  ~GzipText() override { reset(); }  // before the file goes
  GzipText(const GzipText&) = delete;
  GzipText& operator=(const GzipText&) = delete;

 private:
  std::unique_ptr<std::filebuf> file_;
};

bool starts_like_gzip(std::filebuf& file) {
  std::array<char, 2> start{};
  const std::streamsize length = file.sgetn(start.data(), 2);
  file.pubseekpos(0);
  return length == 2 && start[0] == '\x1f' && start[1] == '\x8b';
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t") == std::string_view::npos;
}

}  // namespace

std::string resolve_path(const std::string& path, const std::string& directory) {
  return (std::filesystem::path(directory) / path).lexically_normal().string();
}

std::unique_ptr<std::streambuf> open_text(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) {
    throw UnreadableFile(Place{path}, "this is a folder, not a file");
  }
  auto file = std::make_unique<std::filebuf>();
  errno = 0;
  if (file->open(path, std::ios::in | std::ios::binary) == nullptr) {
    const int reason = errno;
    throw UnreadableFile(Place{path}, std::string("cannot be opened: ") +
                                          (reason != 0 ? std::strerror(reason) : "unknown reason"));
  }
  // A pipe cannot be read twice, so its name alone tells whether it is compressed.
  const bool compressed =
      std::filesystem::path(path).extension() == ".gz" ||
      (std::filesystem::is_regular_file(path, ignored) && starts_like_gzip(*file));
  if (compressed) {
    return std::make_unique<GzipText>(std::move(file));
  }
  return file;
}

LineReader::LineReader(std::streambuf& text, std::string file)
    : text_(text), file_(std::move(file)), buffer_(piece) {}

bool LineReader::refill() {
  if (begin_ > 0) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    scanned_ -= begin_;
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) {
    if (buffer_.size() >= longest_line) {
      throw BadInput(Place{file_, line_number_ + 1, 0},
                     "the line is longer than 16 MiB: this is not a trace");
    }
    buffer_.resize(2 * buffer_.size());
  }
  try {
    const std::streamsize got =
        text_.sgetn(buffer_.data() + end_, static_cast<std::streamsize>(buffer_.size() - end_));
    end_ += static_cast<std::size_t>(std::max<std::streamsize>(got, 0));
    return got > 0;
  } catch (const boost::iostreams::gzip_error&) {
    throw BadInput(Place{file_, line_number_ + 1, 0}, "the gzip file is damaged or cut off here");
  } catch (const std::ios_base::failure& failure) {
    throw UnreadableFile(Place{file_}, std::string("cannot be read: ") + failure.what());
  }
}

std::optional<std::string_view> LineReader::take_line(std::size_t length, std::size_t end_length) {
  std::string_view line(buffer_.data() + begin_, length);
  begin_ += length + end_length;
  scanned_ = begin_;
  ++line_number_;
  if (line_number_ == 1 && line.starts_with("\xEF\xBB\xBF")) {
    line.remove_prefix(3);
  }
  if (!line.empty() && line.back() == '\r') {
    line.remove_suffix(1);
  }
  return line;
}

std::optional<std::string_view> LineReader::next() {
  while (true) {
    const char* const from = buffer_.data() + scanned_;
    if (const void* const found =
            scanned_ < end_ ? std::memchr(from, '\n', end_ - scanned_) : nullptr) {
      const auto length =
          static_cast<std::size_t>(static_cast<const char*>(found) - buffer_.data());
      return take_line(length - begin_, 1);
    }
    scanned_ = end_;
    if (!refill()) {
      return begin_ < end_ ? take_line(end_ - begin_, 0) : std::nullopt;
    }
  }
}

std::optional<std::string_view> LineReader::next_filled() {
  std::optional<std::string_view> line = next();
  while (line && is_blank(*line)) {
    line = next();
  }
  return line;
}

}  // namespace tessera
