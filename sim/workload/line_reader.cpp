#include "sim/workload/line_reader.hpp"

#include <algorithm>
#include <array>
#include <boost/iostreams/filter/gzip.hpp>
#include <boost/iostreams/filter/lzma.hpp>
#include <boost/iostreams/filter/zstd.hpp>
#include <boost/iostreams/filtering_streambuf.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ios>

#include "sim/workload/plain_text.hpp"
#include "sim/workload/zstd_frames.hpp"

namespace tessera {
namespace {

constexpr std::size_t piece = std::size_t{256} * 1024;
constexpr std::size_t longest_line = 64 * piece;

enum class Compression { none, gzip, zstd, xz };

// How a compressed file is named, and how it begins.
struct CompressedForm {
  Compression compression;
  std::string_view extension;
  std::string_view start;
};
constexpr std::array<CompressedForm, 3> compressed_forms{{
    {Compression::gzip, ".gz", "\x1f\x8b"},
    {Compression::zstd, ".zst", "\x28\xb5\x2f\xfd"},
    {Compression::xz, ".xz", "\xfd\x37zXZ"},
}};

// A chain of streambufs that owns the file at its end.
class CompressedText final : public boost::iostreams::filtering_streambuf<boost::iostreams::input> {
 public:
  CompressedText(std::unique_ptr<std::filebuf> file, Compression compression)
      : file_(std::move(file)) {
    constexpr auto room = static_cast<std::streamsize>(piece);
    if (compression == Compression::gzip) {
      push(boost::iostreams::gzip_decompressor(), room);
    } else if (compression == Compression::zstd) {
      push(boost::iostreams::zstd_decompressor(), room);
    } else {
      push(boost::iostreams::lzma_decompressor(), room);
    }
    push(*file_, room);
  }
  ~CompressedText() override { reset(); }  // before the file goes
  CompressedText(const CompressedText&) = delete;
  CompressedText& operator=(const CompressedText&) = delete;

 private:
  std::unique_ptr<std::filebuf> file_;
};

// A pipe cannot be read twice, so its name alone tells whether it is compressed.
Compression compression_of(const std::filesystem::path& path, std::filebuf& file) {
  std::array<char, 5> start{};
  std::streamsize length = 0;
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored)) {
    length = file.sgetn(start.data(), start.size());
    file.pubseekpos(0);
  }
  const std::string_view text(start.data(), static_cast<std::size_t>(length));
  for (const CompressedForm& form : compressed_forms) {
    if (path.extension() == form.extension || text.starts_with(form.start)) {
      return form.compression;
    }
  }
  return Compression::none;
}

bool is_blank(std::string_view line) {
  return line.empty() || ((line.front() == ' ' || line.front() == '\t') &&
                          line.find_first_not_of(" \t") == std::string_view::npos);
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
  const Compression compression = compression_of(path, *file);
  if (compression == Compression::zstd && !std::filesystem::is_regular_file(path, ignored)) {
    throw UnreadableFile(Place{path}, "zstd is read from regular files only");
  }
  if (compression == Compression::zstd && !has_whole_zstd_frames(*file)) {
    throw BadInput(Place{path}, "the zstd file is damaged or cut off");
  }
  if (compression != Compression::none) {
    return std::make_unique<CompressedText>(std::move(file), compression);
  }
  return file;
}

LineReader::LineReader(std::streambuf& text, std::string file)
    : text_(text), file_(std::move(file)), buffer_(piece + readable_behind) {}

bool LineReader::refill() {
  if (begin_ > 0) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    passed_ += begin_;
    scanned_ -= begin_;
    end_ -= begin_;
    begin_ = 0;
  }
  std::size_t room = buffer_.size() - readable_behind;
  if (end_ == room) {
    if (room >= longest_line) {
      throw BadInput(Place{file_, line_number_ + 1, 0},
                     "the line is longer than 16 MiB: this is not a trace");
    }
    room *= 2;
    buffer_.resize(room + readable_behind);
  }
  try {
    const std::streamsize got =
        text_.sgetn(buffer_.data() + end_, static_cast<std::streamsize>(room - end_));
    end_ += static_cast<std::size_t>(std::max<std::streamsize>(got, 0));
    std::fill_n(buffer_.begin() + static_cast<std::ptrdiff_t>(end_), readable_behind, '\0');
    return got > 0;
  } catch (const boost::iostreams::gzip_error&) {
    throw damaged("gzip");
  } catch (const boost::iostreams::zstd_error&) {
    throw damaged("zstd");
  } catch (const boost::iostreams::lzma_error&) {
    throw damaged("xz");
  } catch (const std::ios_base::failure& failure) {
    throw UnreadableFile(Place{file_}, std::string("cannot be read: ") + failure.what());
  }
}

BadInput LineReader::damaged(const std::string& compression) const {
  return BadInput(Place{file_, line_number_ + 1, 0},
                  "the " + compression + " file is damaged or cut off here");
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

std::size_t LineReader::characters_left() const {
  const std::streamsize known = text_.in_avail();
  return end_ - begin_ + static_cast<std::size_t>(std::max<std::streamsize>(known, 0));
}

std::optional<std::string_view> LineReader::next_filled() {
  std::optional<std::string_view> line = next();
  while (line && is_blank(*line)) {
    line = next();
  }
  return line;
}

}  // namespace tessera
