// Lines of text files, plain or compressed with gzip, zstd or xz, read in large pieces.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <streambuf>
#include <string>
#include <string_view>
#include <vector>

#include "tessera/core/diagnostic.hpp"

namespace tessera {

// The path as the scenario gives it, seen from the scenario's folder.
[[nodiscard]] std::string resolve_path(const std::string& path, const std::string& directory);

// The text of a file. What is compressed is told by its name (.gz, .zst, .xz) or by
// its first bytes.
// Throws UnreadableFile for one that is missing, a folder, or may not be read.
[[nodiscard]] std::unique_ptr<std::streambuf> open_text(const std::string& path);

class LineReader {
 public:
  // `text` must outlive the reader. `file` is its name in messages.
  LineReader(std::streambuf& text, std::string file);

  // The next line without its end ("\n" or "\r\n") and without a byte order mark; nothing at the
  // end. It is good until the next call. Throws BadInput for a broken compressed file and for a
  // line that is longer than any trace's, UnreadableFile where reading fails. Behind the line stand
  // characters for PlainText: `readable_behind` of them, first an end of line or a zero.
  [[nodiscard]] std::optional<std::string_view> next();
  // The same, but passes over lines that hold nothing but blanks.
  [[nodiscard]] std::optional<std::string_view> next_filled();

  // The text behind that line that is at hand, for readers that find the ends of lines themselves;
  // the last line may be cut. As good for PlainText as a line is.
  [[nodiscard]] std::string_view ahead() const { return {buffer_.data() + begin_, end_ - begin_}; }
  // Passes over the line of `ahead` that ends, with its end of line, before `behind`.
  void pass_line(const char* behind) {
    begin_ = static_cast<std::size_t>(behind - buffer_.data());
    scanned_ = begin_;
    ++line_number_;
  }

  // How many characters have been handed out, and how many more are known to come: none where that
  // cannot be known, as of a compressed file.
  [[nodiscard]] std::size_t characters_passed() const { return passed_ + begin_; }
  [[nodiscard]] std::size_t characters_left() const;

  // Where the line that was read last stands.
  [[nodiscard]] Place place() const { return {file_, line_number_, 0}; }
  [[nodiscard]] const std::string& file() const { return file_; }

 private:
  // Whether there was more to read.
  bool refill();
  [[nodiscard]] BadInput damaged(const std::string& compression) const;
  [[nodiscard]] std::optional<std::string_view> take_line(std::size_t length,
                                                          std::size_t end_length);

  std::streambuf& text_;
  std::string file_;
  std::vector<char> buffer_;
  std::size_t passed_ = 0;   // characters that are in the buffer no more
  std::size_t begin_ = 0;    // of what has not been handed out
  std::size_t scanned_ = 0;  // up to here there is no end of line
  std::size_t end_ = 0;
  std::int64_t line_number_ = 0;
};

}  // namespace tessera
