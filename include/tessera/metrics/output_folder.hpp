// A folder of results that appears whole or not at all.
#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace tessera {

// The folder exists and may not be replaced: exit status 73.
class OutputExists : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Something could not be written (no permission, a full disk): exit status 74.
class OutputFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

enum class IfExists { refuse, replace };
// Whether the folders above one that is made are made with it.
enum class Parents { make, must_be_there };

// Throws OutputExists when `path` is there and may not be replaced: with `refuse` always, with
// `replace` unless it is an empty folder or one that holds results of Tessera and nothing else.
void check_existing(const std::filesystem::path& path, IfExists if_exists);

// Makes a hidden folder beside `path`, that renaming may stay within one file system. Two callers
// never get the same one. Throws OutputFailed.
[[nodiscard]] std::filesystem::path fresh_folder_beside(const std::filesystem::path& path);

// "out/a/" names the same folder as "out/a", and a link stands for what it points to.
[[nodiscard]] std::filesystem::path without_trailing_slash_or_link(std::filesystem::path path);

// Files are written into a hidden folder beside `path`; commit() renames it. Without commit(), the
// destructor removes what was written.
class OutputFolder {
 public:
  // Throws OutputExists, or OutputFailed when the folder cannot be made. With `replace`, only an
  // empty folder or one that holds results of Tessera gives way.
  OutputFolder(std::filesystem::path path, IfExists if_exists, Parents parents = Parents::make);
  OutputFolder(const OutputFolder&) = delete;
  OutputFolder& operator=(const OutputFolder&) = delete;
  ~OutputFolder();

  // Where files are written until commit().
  [[nodiscard]] const std::filesystem::path& staging() const { return staging_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  // Writes one whole file. Throws OutputFailed.
  void write(std::string_view name, std::string_view text) const;
  // Throws OutputExists when somebody else has made the folder meanwhile, OutputFailed.
  void commit();

 private:
  void make_parents();
  void make_staging();
  void remove_staging() const;

  std::filesystem::path path_;
  std::filesystem::path staging_;
  std::vector<std::filesystem::path> made_parents_;  // outermost first
  IfExists if_exists_;
  bool committed_ = false;
};

// Appends rows to one file through a large buffer; every failure throws OutputFailed.
class RowWriter {
 public:
  explicit RowWriter(std::filesystem::path path);
  RowWriter(std::filesystem::path path, std::string_view header);
  RowWriter(const RowWriter&) = delete;
  RowWriter& operator=(const RowWriter&) = delete;
  ~RowWriter();
  // The text to append a row to; call row_done() after each, which ends the line.
  [[nodiscard]] std::string& row() { return row_; }
  void row_done();
  // A whole row, without its end.
  void add(std::string_view row);
  // Flushes and checks. Rows that were not closed are lost.
  void close();

  // For rows that are written right where they wait to be flushed: room for so many bytes, good
  // until the next call; what is kept of them, up to `end`; and, where nobody will change the rows
  // that wait, a chance to flush them.
  [[nodiscard]] char* room(std::size_t bytes) {
    if (capacity_ - size_ < bytes) {
      grow(bytes);
    }
    return buffer_.get() + size_;
  }
  void keep(const char* end) { size_ = static_cast<std::size_t>(end - buffer_.get()); }
  void flush_if_full() {
    if (size_ >= flush_at) {
      flush();
    }
  }
  // Bytes that wait, and where they are.
  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] char* begin() { return buffer_.get(); }

 private:
  static constexpr std::size_t flush_at = std::size_t{1} << 18;

  void append(std::string_view text);
  void grow(std::size_t bytes);
  void flush();

  std::filesystem::path path_;
  std::FILE* file_ = nullptr;
  std::string row_;
  std::unique_ptr<char[]> buffer_;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

}  // namespace tessera
