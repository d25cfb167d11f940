#include "sim/workload/zstd_frames.hpp"

#include <array>
#include <cstdint>
#include <ios>
#include <optional>

namespace tessera {
namespace {

constexpr std::uint64_t frame_magic = 0xFD2FB528;
constexpr std::uint64_t skippable_magic = 0x184D2A50;  // and the 15 numbers after it

// Goes over a file without holding it.
class Walker {
 public:
  explicit Walker(std::streambuf& text)
      : text_(text), end_(text.pubseekoff(0, std::ios::end, std::ios::in)) {
    text_.pubseekpos(0, std::ios::in);
  }

  [[nodiscard]] bool at_end() const { return at_ == end_; }
  // A number of so many bytes, the lowest first; nothing where the file ends before.
  std::optional<std::uint64_t> number(int bytes) {
    std::array<char, 8> raw{};
    if (end_ - at_ < bytes || text_.sgetn(raw.data(), bytes) != bytes) {
      return std::nullopt;
    }
    at_ += bytes;
    std::uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; --i) {
      value = value << 8 | static_cast<unsigned char>(raw[static_cast<std::size_t>(i)]);
    }
    return value;
  }
  [[nodiscard]] bool skip(std::uint64_t bytes) {
    if (static_cast<std::uint64_t>(end_ - at_) < bytes) {
      return false;
    }
    at_ += static_cast<std::streamoff>(bytes);
    text_.pubseekpos(at_, std::ios::in);
    return true;
  }

 private:
  std::streambuf& text_;
  std::streamoff at_ = 0;
  std::streamoff end_;
};

bool skip_blocks(Walker& file) {
  while (true) {
    const std::optional<std::uint64_t> header = file.number(3);
    if (!header) {
      return false;
    }
    const bool is_last = (*header & 1) != 0;
    const std::uint64_t type = *header >> 1 & 3;
    constexpr std::uint64_t repeated_byte = 1;
    if (!file.skip(type == repeated_byte ? 1 : *header >> 3)) {
      return false;
    }
    if (is_last) {
      return true;
    }
  }
}

bool skip_frame(Walker& file) {
  const std::optional<std::uint64_t> magic = file.number(4);
  if (magic && (*magic & ~std::uint64_t{15}) == skippable_magic) {
    const std::optional<std::uint64_t> size = file.number(4);
    return size && file.skip(*size);
  }
  const std::optional<std::uint64_t> descriptor = file.number(1);
  if (magic != frame_magic || !descriptor) {
    return false;
  }
  constexpr std::array<std::uint64_t, 4> dictionary_bytes{0, 1, 2, 4};
  constexpr std::array<std::uint64_t, 4> size_bytes{0, 2, 4, 8};
  const bool has_window = (*descriptor >> 5 & 1) == 0;
  const std::uint64_t size_field = *descriptor >> 6;
  const std::uint64_t header = (has_window        ? 1
                                : size_field == 0 ? 1
                                                  : 0) +
                               dictionary_bytes[*descriptor & 3] + size_bytes[size_field];
  const bool has_checksum = (*descriptor >> 2 & 1) != 0;
  return file.skip(header) && skip_blocks(file) && file.skip(has_checksum ? 4 : 0);
}

}  // namespace

bool has_whole_zstd_frames(std::streambuf& text) {
  Walker file(text);
  bool is_whole = !file.at_end();
  while (is_whole && !file.at_end()) {
    is_whole = skip_frame(file);
  }
  text.pubseekpos(0, std::ios::in);
  return is_whole;
}

}  // namespace tessera
